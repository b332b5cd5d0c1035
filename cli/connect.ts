import { StreamClient } from '../src/index.js';
import { parseAddress } from './address.js';
import { checkMeta, checkName, checkWait, WAIT_FLAG } from './checks.js';
import type { Command } from './command.js';
import { connectOverTcp } from './connect-tcp.js';
import type { Values } from './flags.js';
import { join } from './join.js';
import { openStdio } from './stdio.js';
import { checkTunnelFlags, TUNNEL_FLAGS, type TunnelSettings, workOnTunnel } from './tunnel.js';

export interface ConnectSettings {
  name: string;
  meta: unknown;
  waitMs: number;
  tunnel: TunnelSettings;
}

export const connectCommand: Command = {
  summary: 'Connects standard input and output, or a local TCP port, to whoever listens on a name',
  positionals: [{ name: 'NAME', text: 'what the other end listens on' }],
  flags: {
    tcp: {
      value: '[HOST:]PORT',
      text: 'listen here instead, each TCP connection gets a stream; 0 takes any free port',
    },
    meta: { value: 'JSON', text: 'shown to the listener' },
    wait: WAIT_FLAG,
    ...TUNNEL_FLAGS,
  },
  examples: [
    ['trunkline connect chat', 'talk to trunkline listen chat'],
    ['trunkline connect backup --wait 60 < home.tar', 'send a file, once somebody listens'],
    ['trunkline connect database --tcp 5433', 'psql -p 5433 reaches trunkline listen database --tcp 5432'],
  ],
  prepare(values) {
    const settings = checkConnectFlags(values);
    const address = values.tcp === undefined ? undefined : parseAddress('--tcp', values.tcp, 0);
    return () => (address ? connectOverTcp(settings, address) : connectOverStdio(settings));
  },
};

function checkConnectFlags(values: Values): ConnectSettings {
  return {
    name: checkName(values.NAME),
    meta: checkMeta(values.meta),
    waitMs: checkWait(values.wait),
    tunnel: checkTunnelFlags(values),
  };
}

async function connectOverStdio({ name, meta, waitMs, tunnel: settings }: ConnectSettings): Promise<number> {
  const stdio = openStdio();
  return await workOnTunnel(settings, async ({ tunnel, add }) => {
    const stream = StreamClient(tunnel).connect(name, { meta, waitMs });
    add(stream);
    await join(stdio, stream);
    return 0;
  }).finally(() => stdio.destroy());
}
