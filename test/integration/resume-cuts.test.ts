import { describe, expect, it } from 'vitest';
import type { Tunnel } from '../../src/index.js';
import { Exchange, type Route } from '../support/exchange.js';
import { tunnelInternals } from '../support/internals.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { CUT_KINDS, Saboteur } from '../support/saboteur.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const KIB = 1024;
const ROUTES = 4;
const STREAMS = 4;
const CUTS = 24;
/** The ends are not cut: an acceptor waits for the opener's last word, and for a whole window if that is lost. */
const HELD = 64 * KIB;
/**
 * A black hole is only found out by missing something: a PING, or the answer to HELLO. On a machine that is busy with
 * other tests a healthy connection must not miss them too.
 */
const heartbeat = { intervalMs: 300, timeoutMs: 1_500 };
const options = { handshakeTimeoutMs: 3_000 };
const TEST_TIMEOUT_MS = 60_000;
const PATIENCE_MS = 30_000;

const isWhole = (tunnel: Tunnel): boolean =>
  tunnel.state === 'open' && tunnelInternals(tunnel).core.suspendedCount === 0;

/** What a page's 'online' does: how long a tunnel waits between its dials is not what this test is about. */
const wake = (tunnels: Tunnel[]): void => {
  for (const tunnel of tunnels) tunnelInternals(tunnel).redial.wake();
};

checkLeaksAfterEach();

describe('streams whose connections are cut again and again', () => {
  it('4 tunnels x 4 streams, both directions, 24 cuts of every kind: every byte once, in order', {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const fixture = await startRelay({ heartbeat });
    const proxy = await TcpProxy.start(fixture.url);
    fixture.alsoClose.push(() => proxy.close());
    const routes: Route[] = Array.from({ length: ROUTES }, (_, index) => ({
      client: fixture.dial(options, proxy.url),
      listener: fixture.dial(options, proxy.url),
      name: `CUT-${index}`,
    }));
    const saboteur = new Saboteur(proxy, 3);
    const exchange = await Exchange.start({
      routes,
      streamsPerRoute: STREAMS,
      bytesEachWay: 1024 * KIB,
      heldBytes: HELD,
    });
    fixture.listeners.push(...exchange.listeners);
    for (let cut = 1; cut <= CUTS; cut++) {
      await exchange.reached((cut / (CUTS + 1)) * (1 - HELD / (1024 * KIB)));
      await until(() => saboteur.cutOne(), 'a connection that is whole');
      wake(fixture.tunnels);
    }
    const areAllWhole = (): boolean => {
      wake(fixture.tunnels);
      return saboteur.whole.length === 2 * ROUTES && fixture.tunnels.every(isWhole);
    };
    await until(areAllWhole, 'all to be whole again', PATIENCE_MS);
    exchange.release();
    await exchange.done;
    expect(exchange.bytes).toBe(exchange.totalBytes);
    for (const kind of CUT_KINDS) expect(saboteur.cuts[kind], kind).toBeGreaterThan(0);
    expect(proxy.counters.accepted).toBeGreaterThan(2 * ROUTES + CUTS / 2);
    expect(fixture.relay.stats().resumes.matched).toBeGreaterThan(0);
  });
});
