import { afterAll, afterEach, beforeEach, expect } from 'vitest';
import { relayInternals } from './internals.js';
import { leftAtRelay, leftOfClosed, leftOfClosedRelay, leftOnTunnel } from './leftovers.js';
import type { RelayFixture } from './relay-fixture.js';
import { until } from './until.js';

/** What a network test must not leave behind. A test's own timers count as well. */
const WATCHED = ['TCPSocketWrap', 'TCPServerWrap', 'TLSWrap', 'Timeout'];

function openHandles(): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(WATCHED.map((kind) => [kind, 0]));
  for (const kind of process.getActiveResourcesInfo()) if (kind in counts) counts[kind]!++;
  return counts;
}

/** The test runner's own timers come and go, so there may be fewer than before. */
function handlesLeft(): string[] {
  return Object.entries(openHandles()).flatMap(([kind, count]) =>
    count > handlesBefore[kind]! ? [`${count - handlesBefore[kind]!} ${kind}`] : [],
  );
}

const fixtures = new Set<RelayFixture>();
const escaped: unknown[] = [];
let handlesBefore: Record<string, number> = {};

export function trackForLeaks(fixture: RelayFixture): void {
  fixtures.add(fixture);
}

const note = (error: unknown): void => {
  escaped.push(error);
};

/**
 * Every test of the file ends with: listeners closed, and then (nothing swept away by closing tunnels yet) no stream on
 * any tunnel, not even one that only waits for the other side's last word; no splice, no name, held or reserved, nothing
 * pending, decided on or waiting for its turn; tunnels closed, nothing left of them here or at the relay; the relay and its server closed, no socket, server
 * or timer left; and no error that escaped to the process, at any time.
 */
export function checkLeaksAfterEach(): void {
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
  beforeEach(() => {
    handlesBefore = openHandles();
    escaped.length = 0;
  });
  afterEach(async () => {
    const all = [...fixtures];
    fixtures.clear();
    for (const fixture of all) await checkFixture(fixture);
    expect(escaped, 'errors that escaped to the process').toEqual([]);
    await until(
      () => handlesLeft().length === 0,
      () => `no handle left open; there are ${handlesLeft()}`,
    );
  });
  afterAll(() => {
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
  });
}

async function checkFixture(fixture: RelayFixture): Promise<void> {
  const { relay, tunnels, listeners } = fixture;
  try {
    await Promise.all(listeners.map((listener) => listener.close()));
    await until(
      () => tunnels.every((tunnel) => leftOnTunnel(tunnel).length === 0),
      () => `no stream left; there are [${tunnels.map(leftOnTunnel).join('; ')}] on the tunnels`,
    );
    await until(
      () => leftAtRelay(relay).length === 0,
      () => `an idle relay, not one with ${leftAtRelay(relay)}`,
    );
    expect(relay.servers()).toEqual([]);
    for (const tunnel of tunnels) tunnel.close();
    await Promise.all(tunnels.map((tunnel) => tunnel.closed));
    for (const close of fixture.alsoClose.splice(0)) await close();
    const ownTunnels = relayInternals(relay).own.tunnel === undefined ? 0 : 1;
    await until(
      () => relay.stats().tunnels.active === ownTunnels,
      () => `no tunnel at the relay, not ${JSON.stringify(relay.stats())}`,
    );
    await until(
      () => tunnels.every((tunnel) => leftOfClosed(tunnel).length === 0),
      () => `nothing left of closed tunnels, not [${tunnels.map(leftOfClosed).join('; ')}]`,
    );
    await relay.close();
    expect(leftOfClosedRelay(relay)).toEqual([]);
  } finally {
    await fixture.destroy();
    // Where something was left: programs of others would outlive the tests.
    for (const close of fixture.alsoClose.splice(0)) await close();
  }
}
