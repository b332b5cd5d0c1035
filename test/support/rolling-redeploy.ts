import { connectTunnel, StreamClient, StreamServer, type Tunnel } from '../../src/index.js';
import { Exchange, type Route } from './exchange.js';
import { RelayProcess } from './relay-process.js';
import { readSeeded, seededBytes } from './seeded-bytes.js';
import { coresOf } from './stream-cores.js';
import { TcpProxy } from './tcp-proxy.js';
import { until } from './until.js';

export interface RollingRedeployOptions {
  redeploys: number;
  routes: number;
  streamsPerRoute: number;
  bytesEachWay: number;
  drainGraceMs: number;
  onRedeploy?: (redeploy: number) => void;
}

export interface RollingRedeployResult {
  /** Of the transfers; all of them came and were right. */
  bytes: number;
  /** Connects that were made while a relay drained; all of them got their answer. */
  connects: number;
  /** Of the relays that drained. */
  exitCodes: (number | null)[];
}

const HELD_BYTES = 64 * 1024;
const PROBE_BYTES = 1000;
const WAIT_MS = 20_000;

/**
 * Transfers Node to Node, while one relay process takes over from another at the same address, again and again: new
 * connections are led to the new one, and then the old one drains. Rejects at the first 'error' of any stream, tunnel or
 * listener.
 */
export async function transferWhileRedeploying(options: RollingRedeployOptions): Promise<RollingRedeployResult> {
  const { redeploys, bytesEachWay, streamsPerRoute, drainGraceMs, onRedeploy = () => {} } = options;
  let relay = await RelayProcess.start({}, { drainGraceMs });
  const proxy = await TcpProxy.start(relay.url);
  const errors: Error[] = [];
  const routes = Array.from({ length: options.routes }, (_, index) => startRoute(proxy.url, index, errors));
  const result: RollingRedeployResult = { bytes: 0, connects: 0, exitCodes: [] };
  try {
    const exchange = await Exchange.start({ routes, streamsPerRoute, bytesEachWay, heldBytes: HELD_BYTES });
    const probes = await Promise.all(routes.map((route) => listenForProbes(route, errors)));
    for (let redeploy = 1; redeploy <= redeploys; redeploy++) {
      const next = await RelayProcess.start({}, { drainGraceMs });
      await exchange.reached((redeploy / (redeploys + 1)) * (1 - HELD_BYTES / bytesEachWay));
      proxy.retarget(next.url);
      const drained = relay.drain();
      result.connects += await probeUntil(drained, routes);
      result.exitCodes.push(await drained);
      relay = next;
      onRedeploy(redeploy);
    }
    exchange.release();
    await exchange.done;
    await Promise.all([exchange.close(), ...probes.map((listener) => listener.close())]);
    await until(() => tunnelsOf(routes).every((tunnel) => coresOf(tunnel).length === 0), 'no stream left');
    if (errors.length > 0) throw errors[0];
    return { ...result, bytes: exchange.bytes };
  } finally {
    for (const tunnel of tunnelsOf(routes)) tunnel.close();
    await Promise.all(tunnelsOf(routes).map((tunnel) => tunnel.closed));
    await relay.close();
    await proxy.close();
  }
}

function tunnelsOf(routes: Route[]): Tunnel[] {
  return routes.flatMap(({ client, listener }) => [client, listener]);
}

function startRoute(url: string, index: number, errors: Error[]): Route {
  const route = { client: connectTunnel(url), listener: connectTunnel(url), name: `DRAIN-${index}` };
  for (const tunnel of tunnelsOf([route])) tunnel.on('error', (error) => errors.push(error));
  return route;
}

const probeName = ({ name }: Route): string => `PROBE-${name}`;

async function listenForProbes(route: Route, errors: Error[]) {
  const listener = StreamServer(route.listener, (stream) => {
    stream.on('error', (error) => errors.push(error));
    stream.pipe(stream);
  }).listen(probeName(route));
  listener.on('error', (error) => errors.push(error));
  await listener.ready;
  return listener;
}

/** Connects, one after the other on each route, from now until it is over. Returns how many. */
async function probeUntil(over: Promise<unknown>, routes: Route[]): Promise<number> {
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  const counts = await Promise.all(
    routes.map(async (route) => {
      let count = 0;
      for (; !isOver; count++) await probe(route, count);
      return count;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** @throws what the stream fails with, or at a byte that is wrong or missing */
async function probe(route: Route, seed: number): Promise<void> {
  const stream = StreamClient(route.client).connect(probeName(route), { waitMs: WAIT_MS });
  stream.end(seededBytes(seed, 0, PROBE_BYTES));
  const { bytes } = await readSeeded(stream, seed);
  if (bytes !== PROBE_BYTES) throw new Error(`${bytes} bytes came back, not ${PROBE_BYTES}`);
}
