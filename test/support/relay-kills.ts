import { connectTunnel, type Tunnel } from '../../src/index.js';
import { Exchange, type Route } from './exchange.js';
import type { RelayProcess } from './relay-process.js';
import { coresOf } from './stream-cores.js';
import { until } from './until.js';

export interface RelayKillsOptions {
  /** Endpoints know them all. */
  relays: RelayProcess[];
  kills: number;
  routes: number;
  streamsPerRoute: number;
  bytesEachWay: number;
  /** Told of each kill that has been made up for. */
  onKill?: (kill: number) => void;
}

const HELD_BYTES = 64 * 1024;

/**
 * Transfers Node to Node, while the relay that carries them is killed and started anew, again and again. Resolves with
 * the bytes that came and were right, all of them, once nothing is left of any stream; rejects at the first failure.
 */
export async function transferWhileRelaysDie(options: RelayKillsOptions): Promise<number> {
  const { relays, kills, bytesEachWay, streamsPerRoute, onKill = () => {} } = options;
  const urls = relays.map(({ url }) => url);
  const routes: Route[] = Array.from({ length: options.routes }, (_, index) => ({
    client: connectTunnel(urls),
    listener: connectTunnel(urls),
    name: `KILLED-${index}`,
  }));
  const tunnels = routes.flatMap(({ client, listener }) => [client, listener]);
  try {
    const exchange = await Exchange.start({ routes, streamsPerRoute, bytesEachWay, heldBytes: HELD_BYTES });
    for (let kill = 1; kill <= kills; kill++) {
      await exchange.reached((kill / (kills + 1)) * (1 - HELD_BYTES / bytesEachWay));
      await killAndRestart(relays);
      onKill(kill);
    }
    await untilWhole(tunnels);
    exchange.release();
    await exchange.done;
    await exchange.close();
    await until(
      () => tunnels.every((tunnel) => coresOf(tunnel).length === 0),
      () => `no stream left, not ${tunnels.flatMap(coresOf).map((stream) => stream.currentPhase)}`,
    );
    return exchange.bytes;
  } finally {
    for (const tunnel of tunnels) tunnel.close();
    await Promise.all(tunnels.map((tunnel) => tunnel.closed));
  }
}

/** The one that has the most to lose. */
async function killAndRestart(relays: RelayProcess[]): Promise<void> {
  const loads = await Promise.all(relays.map(async (relay) => (await relay.report()).stats.splices.active));
  const relay = relays[loads.indexOf(Math.max(...loads))] as RelayProcess;
  await relay.kill();
  await relay.restart();
}

/** As long as it takes: two ends may have to find each other at the same relay first. */
async function untilWhole(tunnels: Tunnel[]): Promise<void> {
  const isWhole = (): boolean =>
    tunnels.every((tunnel) => tunnel.state === 'open' && coresOf(tunnel).every((stream) => !stream.isSuspended));
  while (!isWhole()) await new Promise((resolve) => setTimeout(resolve, 10));
}
