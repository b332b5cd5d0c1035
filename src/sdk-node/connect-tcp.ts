import { type DialTcpOptions, dialTcp } from '../node/tcp.js';
import { DialedTunnel, type DialedTunnelOptions } from '../runtime/dialed-tunnel.js';
import type { Tunnel } from '../runtime/tunnel.js';

/** What `net.connect` takes (`port` and `host`, or `path` of a Unix socket), and `tls` for TLS on top of it. */
export type TcpAddress = DialTcpOptions;

/**
 * Dials a `listenTcp` and returns the tunnel at once, as `connectTunnel` does.
 * @param address a port, the path of a Unix socket, or what `net.connect` takes
 * @param host default `localhost`
 * @throws RangeError for an option out of range; what `net.connect` throws for an address that makes no sense
 */
export function connectTcp(address: TcpAddress, options?: DialedTunnelOptions): Tunnel;
export function connectTcp(address: number | string, host?: string, options?: DialedTunnelOptions): Tunnel;
export function connectTcp(address: number | string, options?: DialedTunnelOptions): Tunnel;
export function connectTcp(
  address: number | string | TcpAddress,
  hostOrOptions: string | DialedTunnelOptions = {},
  options: DialedTunnelOptions = {},
): Tunnel {
  const isHost = typeof hostOrOptions === 'string';
  const target = toAddress(address, isHost ? hostOrOptions : undefined);
  return new DialedTunnel([() => dialTcp(target)], isHost ? options : hostOrOptions);
}

function toAddress(address: number | string | TcpAddress, host: string | undefined): TcpAddress {
  if (typeof address === 'object') return address;
  if (typeof address === 'string') return { path: address };
  return host === undefined ? { port: address } : { port: address, host };
}
