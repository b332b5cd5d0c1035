import { parseAddress } from './address.js';
import { checkMeta, checkName } from './checks.js';
import type { Command } from './command.js';
import { UsageError } from './flags.js';
import { listenInTurn, listenOnce } from './listen-stdio.js';
import { listenOverTcp } from './listen-tcp.js';
import { checkTunnelFlags, TUNNEL_FLAGS } from './tunnel.js';

export const listenCommand: Command = {
  summary: 'Listens on a name, with standard input and output or for a TCP service',
  positionals: [{ name: 'NAME', text: 'what others connect to' }],
  flags: {
    tcp: { value: '[HOST:]PORT', text: 'each client gets a TCP connection to this address, until told to stop' },
    many: { text: 'without --tcp: one client after the other, until told to stop' },
    meta: { value: 'JSON', text: 'shown to each client' },
    ...TUNNEL_FLAGS,
  },
  examples: [
    ['trunkline listen chat', 'talk to trunkline connect chat'],
    ['trunkline listen backup > home.tar', 'take what the first client sends'],
    ['trunkline listen database --tcp 5432', 'let others reach the PostgreSQL of this machine'],
    ['trunkline listen printer --tcp 192.168.0.9:9100', 'or what else this machine can reach'],
  ],
  prepare(values) {
    const settings = { name: checkName(values.NAME), meta: checkMeta(values.meta), tunnel: checkTunnelFlags(values) };
    const { tcp, many } = values;
    if (tcp === undefined) return () => (many === undefined ? listenOnce(settings) : listenInTurn(settings));
    if (many !== undefined) throw new UsageError('--tcp takes many clients anyway: leave --many out');
    const address = parseAddress('--tcp', tcp, 1);
    return () => listenOverTcp(settings, address);
  },
};
