import { afterAll, afterEach, beforeEach, expect } from 'vitest';
import type { Relay } from '../../relay/index.js';
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
 * any tunnel, not even one that only waits for the other side's last word; no splice, no name, held or reserved, nothing
 * pending; tunnels closed, nothing left of them here or at the relay; the relay and its server closed, no socket, server
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
    for (const close of fixture.alsoClose) await close();
    const ownTunnels = relayInternals(relay).local === undefined ? 0 : 1;
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
  }
}

/** What is there and should not be, by name. */
function present(counts: Record<string, number>): string[] {
  return Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
}

/**
 * Streams the core knows (those that linger, are suspended or wait to be opened as well), those with a place on a
 * connection, and those that events would still be handed to.
 */
function leftOnTunnel(tunnel: Tunnel): string[] {
  const { core, handlers } = tunnelInternals(tunnel);
  return present({
    streams: core.streamCount,
    'of them suspended': core.suspendedCount,
    'of them lingering': core.deadlines.lingering.size,
    'of them waiting': core.opening.waiting.size,
    'of them accepted': core.accepted.size,
    'of them pending connects': core.opening.pendingConnects.size,
    'places on its connection': core.connection?.streamCount ?? 0,
    'places on connections it leaves': [...core.connections.leaving].reduce(
      (sum, { streamCount }) => sum + streamCount,
      0,
    ),
    handlers: handlers.size,
  });
}

/** A closed tunnel dials no more, waits for nothing, and has no connection. */
function leftOfClosed(tunnel: Tunnel): string[] {
  const { drivers, timer, redial } = tunnelInternals(tunnel);
  const timers = [timer, redial.cancelTimer, redial.cancelHop].filter((one) => one !== undefined).length;
  return [...leftOnTunnel(tunnel), ...present({ connections: drivers.size, timers })];
}

function leftAtRelay(relay: Relay): string[] {
  const { splices, connects, resumes, names } = relay.stats();
  const { pending, resumes: resuming } = relayInternals(relay).core.broker;
  return present({
    splices: splices.active,
    names: names.active,
    'of them reserved': names.reserved,
    'pending connects': connects.pending,
    'of them known': pending.size,
    'pending resumes': resumes.pending,
    'of them still known': resuming.pending.size,
    'legs of them': resuming.pending.byLeg.size,
    'endpoints waited for': resuming.pending.parked.size,
  });
}

function leftOfClosedRelay(relay: Relay): string[] {
  const { transports, requests, core } = relayInternals(relay);
  return [
    ...leftAtRelay(relay),
    ...present({
      'tunnels counted': relay.stats().tunnels.active,
      transports: transports.size,
      requests: requests.size,
      connections: core.connections.size,
      parties: core.broker.parties.byConnection.size,
      endpoints: core.broker.parties.byEndpoint.size,
    }),
  ];
}
