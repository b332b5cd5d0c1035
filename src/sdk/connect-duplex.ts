import { TrunklineError } from '../protocol/errors.js';
import { DialedTunnel, type DialedTunnelOptions } from '../runtime/dialed-tunnel.js';
import {
  ByteStreamConnection,
  type ByteStreamLike,
  type Connection,
  MessagePortConnection,
  type PortLike,
} from '../runtime/transports.js';
import type { Tunnel } from '../runtime/tunnel.js';

/**
 * A tunnel over a Duplex of bytes (a socket, a child's stdio, another tunnel's stream), whose other end was handed to
 * `acceptDuplex`. Given a function, the tunnel calls it for a new Duplex whenever it has lost the one before. A single Duplex
 * is all that its tunnel has: it ends with it.
 * @throws TypeError for a resume window with a single Duplex; RangeError for an option out of range
 */
export function connectDuplex(
  duplex: ByteStreamLike | (() => ByteStreamLike),
  options: DialedTunnelOptions = {},
): Tunnel {
  return connectOver(duplex, (each) => new ByteStreamConnection(each), options);
}

/**
 * A tunnel over a MessagePort, a Worker, or a worker's global scope, whose other end was handed to `acceptPort`. Given a
 * function, the tunnel calls it for a new port whenever it has lost the one before.
 * @throws TypeError for a resume window with a single port; RangeError for an option out of range
 */
export function connectPort(port: PortLike | (() => PortLike), options: DialedTunnelOptions = {}): Tunnel {
  return connectOver(port, (each) => new MessagePortConnection(each), options);
}

function connectOver<Carrier>(
  carrier: Carrier | (() => Carrier),
  wrap: (carrier: Carrier) => Connection,
  options: DialedTunnelOptions,
): Tunnel {
  if (isMaker(carrier)) return new DialedTunnel([() => wrap(carrier())], options);
  const { resumeWindowMs, keepBrokenTunnelMs, ...others } = options;
  if ((resumeWindowMs ?? keepBrokenTunnelMs ?? 0) > 0)
    throw new TypeError('what carries this tunnel cannot be made anew: give a function that makes one');
  return new DialedTunnel([once(() => wrap(carrier))], { ...others, resumeWindowMs: 0 });
}

function isMaker<Carrier>(carrier: Carrier | (() => Carrier)): carrier is () => Carrier {
  return typeof carrier === 'function';
}

function once(dial: () => Connection): () => Connection {
  let isDialed = false;
  return () => {
    if (isDialed) throw new TrunklineError('CONNECTION_LOST', 'what carried this tunnel is gone');
    isDialed = true;
    return dial();
  };
}
