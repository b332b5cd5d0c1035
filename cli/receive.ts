import { stat } from 'node:fs/promises';
import { receiveFile, StreamClient } from '../src/index.js';
import { checkName, checkWait, WAIT_FLAG } from './checks.js';
import { type Command, CommandError } from './command.js';
import { quote } from './flags.js';
import { type FileProgress, openProgress } from './progress.js';
import { systemFaultOf } from './text-file.js';
import { checkTunnelFlags, TUNNEL_FLAGS, type TunnelSettings, workOnTunnel } from './tunnel.js';

interface ReceiveSettings {
  name: string;
  folder: string;
  waitMs: number;
  tunnel: TunnelSettings;
}

export const receiveCommand: Command = {
  summary: 'Receives the file that is offered under a name, and prints where it is',
  positionals: [{ name: 'NAME', text: 'what the file is offered as' }],
  flags: {
    out: { value: 'DIR', default: '.', text: 'the folder it is put into' },
    wait: WAIT_FLAG,
    ...TUNNEL_FLAGS,
  },
  examples: [
    ['trunkline receive report', 'what trunkline send report.pdf --as report offers'],
    ['trunkline receive report --out /tmp --wait 60', 'into /tmp, once it is offered'],
  ],
  prepare(values) {
    const settings = {
      name: checkName(values.NAME),
      folder: values.out ?? '',
      waitMs: checkWait(values.wait),
      tunnel: checkTunnelFlags(values),
    };
    return () => receive(settings);
  },
};

async function assertFolder(folder: string): Promise<void> {
  const what = `--out ${quote(folder)}`;
  const found = await stat(folder).catch((error: unknown) => {
    throw new CommandError(`${what} cannot be used: ${systemFaultOf(error)}`);
  });
  if (!found.isDirectory()) throw new CommandError(`${what} is not a folder`);
}

async function receive({ name, folder, waitMs, tunnel: settings }: ReceiveSettings): Promise<number> {
  await assertFolder(folder);
  const progress = openProgress(settings.isQuiet);
  return await workOnTunnel(settings, async ({ tunnel, add }) => {
    const stream = StreamClient(tunnel).connect(name, { waitMs });
    add(stream);
    let file: FileProgress | undefined;
    const { path } = await receiveFile(stream, folder, {
      accept: (offer) => {
        file = progress.begin(offer.name);
        return true;
      },
      onProgress: ({ receivedBytes, sizeBytes }) => file?.update(receivedBytes, sizeBytes),
    });
    file?.end('received');
    progress.close();
    console.log(path);
    return 0;
  }).finally(() => progress.close());
}
