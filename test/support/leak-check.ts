import { afterAll, afterEach, beforeEach, expect } from 'vitest';
import type { Tunnel } from '../../src/index.js';
import { relayInternals, tunnelInternals } from './internals.js';
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
 * any tunnel, no splice, no name, nothing pending; tunnels closed, no connection at the relay; the relay and its server
 * closed, no socket, server or timer left; and no error that escaped to the process, at any time.
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
      () => tunnels.every((tunnel) => streamsOf(tunnel) === 0),
      () => `no stream left; there are [${tunnels.map(streamsOf)}] on the tunnels`,
    );
    await until(
      () => {
        const { splices, connects, names } = relay.stats();
        return splices.active === 0 && connects.pending === 0 && names.active === 0;
      },
      () => `an idle relay, not ${JSON.stringify(relay.stats())}`,
    );
    expect(relay.servers()).toEqual([]);
    for (const tunnel of tunnels) tunnel.close();
    await Promise.all(tunnels.map((tunnel) => tunnel.closed));
    for (const close of fixture.alsoClose) await close();
    const ownTunnels = relayInternals(relay).local === undefined ? 0 : 1;
    await until(
      () => relay.stats().tunnels.active === ownTunnels,
      () => `no tunnel at the relay, not ${JSON.stringify(relay.stats())}`,
    );
    await relay.close();
    expect(relay.stats().tunnels.active).toBe(0);
    expect(relayInternals(relay).transports.size).toBe(0);
    expect(relayInternals(relay).core.broker.pending.size).toBe(0);
  } finally {
    await fixture.destroy();
  }
}

/** Streams the core knows, those with a place on its connection, and those that events would still be handed to. */
function streamsOf(tunnel: Tunnel): number {
  const { core, handlers } = tunnelInternals(tunnel);
  return core.streamCount + core.connection.streamCount + handlers.size;
}
