import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type StreamListener, type StreamServerOptions, sendFile, type TunnelStream } from '../src/index.js';
import { checkName } from './checks.js';
import { type Command, CommandError } from './command.js';
import { quote, UsageError } from './flags.js';
import { type ListenSettings, listenOn } from './listener.js';
import { describeError, say } from './notices.js';
import { openProgress, type Progress } from './progress.js';
import { checkTunnelFlags, TUNNEL_FLAGS, type Work, workOnTunnel } from './tunnel.js';
import { Turn } from './turn.js';

export const sendCommand: Command = {
  summary: 'Offers a file under a name, until somebody has received it',
  positionals: [{ name: 'FILE', text: 'what is sent' }],
  flags: {
    as: { value: 'NAME', text: 'the name that others receive it by; has to be given' },
    many: { text: 'to as many as come, also at once, until told to stop' },
    ...TUNNEL_FLAGS,
  },
  examples: [
    ['trunkline send report.pdf --as report', 'to the first who runs trunkline receive report'],
    ['trunkline send setup.exe --as setup --many', 'to everybody, until Ctrl-C'],
  ],
  prepare(values) {
    if (values.as === undefined) throw new UsageError('--as NAME is missing, the name that others receive it by');
    const settings = { name: checkName(values.as), meta: undefined, tunnel: checkTunnelFlags(values) };
    const file = String(values.FILE);
    return () => send(file, settings, { isMany: values.many !== undefined });
  },
};

async function send(file: string, settings: ListenSettings, { isMany }: { isMany: boolean }): Promise<number> {
  // Told before anybody comes for it.
  if (!(await stat(file)).isFile()) throw new CommandError(`${quote(file)} is not a file`);
  const progress = openProgress(settings.tunnel.isQuiet);
  const offer = isMany ? sendToAll : sendToOne;
  return await workOnTunnel(settings.tunnel, (work) => offer(new Sending(file, settings, work, progress)), {
    isEndless: isMany,
  }).finally(() => progress.close());
}

/** Resolves once one receiver has it; one that fails is followed by the next. */
function sendToOne(sending: Sending): Promise<number> {
  return new Promise((resolve, onLost) => {
    const turn = new Turn();
    const serve = async (stream: TunnelStream): Promise<void> => {
      if (!turn.take(stream)) return;
      if (!(await sending.send(stream))) return turn.free();
      listener.end();
      resolve(0);
    };
    const listener = sending.listen({ accept: turn.accept, onStream: (stream) => void serve(stream), onLost });
  });
}

function sendToAll(sending: Sending): Promise<never> {
  return new Promise((_resolve, onLost) => {
    sending.listen({ accept: undefined, onStream: (stream) => void sending.send(stream), onLost });
  });
}

class Sending {
  constructor(
    private readonly file: string,
    private readonly settings: ListenSettings,
    private readonly work: Work,
    private readonly progress: Progress,
  ) {}

  listen(hooks: {
    accept: StreamServerOptions['accept'];
    onStream: (stream: TunnelStream) => void;
    onLost: (error: Error) => void;
  }): StreamListener {
    const { name, tunnel } = this.settings;
    const listener = listenOn(this.settings, this.work, hooks);
    if (!tunnel.isQuiet)
      listener.once('listening', () => say(`${basename(this.file)} waits for its receiver at ${name}`));
    return listener;
  }

  /** Whether the receiver has it. What went wrong otherwise is told: the next one may have more luck. */
  async send(stream: TunnelStream): Promise<boolean> {
    const progress = this.progress.begin(basename(this.file));
    try {
      await sendFile(stream, this.file, {
        onProgress: ({ sentBytes, sizeBytes }) => progress.update(sentBytes, sizeBytes),
      });
      progress.end('received');
      return true;
    } catch (error) {
      progress.end(`not received: ${describeError(error)}`);
      return false;
    }
  }
}
