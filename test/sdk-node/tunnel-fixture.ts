import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, expect } from 'vitest';
import {
  type ConnectTunnelOptions,
  connectTunnel,
  type Tunnel,
  type TunnelAcceptor,
  type TunnelStream,
} from '../../src/index.js';
import {
  connectTcp,
  listenTcp,
  type TcpTunnelServerOptions,
  TunnelServer,
  type TunnelServerOptions,
} from '../../src/sdk-node/index.js';
import { tunnelInternals } from '../support/internals.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

/** Ended after the test, the last one first. */
export const cleanups: (() => unknown)[] = [];
const acceptors: { acceptor: TunnelAcceptor; accepted: Tunnel[] }[] = [];
const dialed: Tunnel[] = [];

/** What tests of tunnels without a relay end with: no stream left, then all closed, at both ends, and nothing left. */
export function endTunnelsAfterEach(): void {
  afterEach(async () => {
    const tunnels = [...dialed, ...acceptors.flatMap(({ accepted }) => accepted)];
    try {
      await nothingLeftOf(tunnels);
    } finally {
      await endAll();
    }
    await nothingLeftOf(tunnels);
  });
}

async function endAll(): Promise<void> {
  for (const tunnel of dialed.splice(0)) tunnel.close();
  const closed = acceptors.splice(0).map(({ acceptor }) => acceptor.close().then(() => acceptor.tunnels.size));
  for (const size of await Promise.all(closed)) expect(size, 'tunnels of a closed server').toBe(0);
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

async function nothingLeftOf(tunnels: Tunnel[]): Promise<void> {
  const left = () => tunnels.flatMap(leftOf);
  await until(
    () => left().length === 0,
    () => `nothing left of tunnels, not ${left()}`,
  );
}

/** Streams, handlers, connections and timers that a tunnel still has. */
export function leftOf(tunnel: Tunnel): string[] {
  const { core, handlers, drivers, timer } = tunnelInternals(tunnel);
  const counts = {
    streams: core.streamCount,
    accepted: core.accepted.size,
    waiting: core.opening.waiting.size,
    lingering: core.deadlines.lingering.size,
    places: core.connection?.streamCount ?? 0,
    handlers: handlers.size,
    ...(tunnel.state === 'closed' ? { connections: drivers.size, timers: timer === undefined ? 0 : 1 } : {}),
  };
  return Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
}

/** Remembers its tunnels, and closes it after the test. */
export function track<Acceptor extends TunnelAcceptor>(acceptor: Acceptor): { server: Acceptor; accepted: Tunnel[] } {
  const accepted: Tunnel[] = [];
  acceptor.on('tunnel.open', (tunnel: Tunnel) => accepted.push(tunnel));
  acceptors.push({ acceptor, accepted });
  return { server: acceptor, accepted };
}

export function trackDialed(tunnel: Tunnel): Tunnel {
  dialed.push(tunnel);
  return tunnel;
}

export interface Served {
  server: TunnelServer;
  /** In the order in which they came. */
  accepted: Tunnel[];
  url: string;
}

/** A `TunnelServer` that listens. */
export async function serve(options: TunnelServerOptions = {}): Promise<Served> {
  const tracked = track(new TunnelServer({ port: 0, host: '127.0.0.1', ...options }));
  await once(tracked.server, 'listening');
  return { ...tracked, url: `ws://127.0.0.1:${portOf(tracked.server)}` };
}

export function portOf(server: { address(): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port;
}

export function dial(url: string, options?: ConnectTunnelOptions): Tunnel {
  return trackDialed(connectTunnel(url, options));
}

/** A network in front of a server, which can be cut. */
export async function networkTo(url: string): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(`${url}/`);
  cleanups.push(() => proxy.close());
  return proxy;
}

/** Both ends of one tunnel. */
export async function tunnelPair(
  served: Served,
  options?: ConnectTunnelOptions,
  url = served.url,
): Promise<{ here: Tunnel; there: Tunnel }> {
  const count = served.accepted.length;
  const here = dial(url, options);
  await here.opened;
  return { here, there: served.accepted[count] as Tunnel };
}

const LOOPBACK = { port: 0, host: '127.0.0.1' };

/** A `TcpTunnelServer` that listens; default: on this computer alone. */
export async function serveTcp(
  options: TcpTunnelServerOptions = {},
  address: Parameters<typeof listenTcp>[0] = LOOPBACK,
) {
  const tracked = track(listenTcp(address, options));
  await once(tracked.server, 'listening');
  return tracked;
}

/** Both ends of a tunnel over TCP. */
export async function tcpPair(options?: TcpTunnelServerOptions): Promise<{ client: Tunnel; con: Tunnel }> {
  const { server, accepted } = await serveTcp(options);
  const client = trackDialed(connectTcp(portOf(server), '127.0.0.1'));
  await client.opened;
  return { client, con: accepted[0] as Tunnel };
}

/** What arrives on its streams goes back. */
export function echoStreams(tunnel: Tunnel): void {
  tunnel.on('stream', (stream: TunnelStream) => stream.pipe(stream));
}

/** What comes back, in all, for a text that is all there is to say. */
export async function echoOf(stream: TunnelStream, text: string): Promise<string> {
  stream.end(text);
  return String(Buffer.concat(await stream.toArray()));
}

/** The tunnel's streams come back. */
export async function works({ here, there }: { here: Tunnel; there: Tunnel }): Promise<void> {
  echoStreams(there);
  expect(await echoOf(here.createStream(), 'there and back')).toBe('there and back');
}
