import type { ConnectionCore } from '../src/core/connection.js';
import { isStalled, type LiveFlow, type LiveSplice, type RelayStats } from './counters.js';
import type {
  InspectedFlow,
  InspectedName,
  InspectedStream,
  InspectedTunnel,
  Listing,
  RelayInspection,
  RelayState,
} from './inspection.js';
import type { Ledger, TunnelRecord } from './ledger.js';
import type { RelayLimits } from './options.js';
import type { Registry } from './registry.js';

/** At most so many of each kind, unless asked for more or fewer. */
export const DEFAULT_MAX_ENTRIES = 100;

export interface Inspected {
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly state: RelayState;
  readonly stats: RelayStats;
  readonly limits: RelayLimits;
}

/** @throws RangeError when `maxEntries` is no number of entries */
export function inspect(relay: Inspected, maxEntries = DEFAULT_MAX_ENTRIES): RelayInspection {
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 0)
    throw new RangeError(`maxEntries must be a whole number from 0, not ${String(maxEntries)}`);
  const { ledger } = relay;
  const instant = new Instant(ledger.now());
  return {
    at: instant.iso(instant.now),
    startedAt: instant.iso(ledger.startedAt),
    state: relay.state,
    names: listNames(relay, instant, maxEntries),
    tunnels: listTunnels(ledger, instant, maxEntries),
    streams: listStreams(ledger, instant, maxEntries),
    queuedBytes: ledger.counters.queuedBytes,
    totals: relay.stats,
    limits: { ...relay.limits },
  };
}

/** Times of the relay's clock, by the calendar. */
class Instant {
  private readonly offset: number;

  constructor(readonly now: number) {
    this.offset = Date.now() - now;
  }

  iso(time: number): string {
    return new Date(this.offset + time).toISOString();
  }
}

function listNames({ ledger, registry }: Inspected, instant: Instant, maxEntries: number): Listing<InspectedName> {
  const names = registry.names();
  const entries = names.slice(0, maxEntries).map((name) => ({
    name,
    state: registry.find(name)?.state.kind ?? 'held',
    since: instant.iso(ledger.names.get(name) ?? instant.now),
  }));
  return listing(entries, names.length);
}

function listTunnels(ledger: Ledger, instant: Instant, maxEntries: number): Listing<InspectedTunnel> {
  const queued = queuedByTunnel(ledger);
  const all = [...ledger.tunnels].map(([connection, record]) => ({
    connection,
    record,
    queuedBytes: connection.queuedControlBytes + (queued.get(connection) ?? 0),
  }));
  all.sort((a, b) => b.queuedBytes - a.queuedBytes || a.record.number - b.record.number);
  const entries = all.slice(0, maxEntries).map(({ connection, record, queuedBytes }) => {
    ledger.askRoundTrip(record);
    return { ...describeTunnel(record, instant), streams: connection.streamCount, queuedBytes };
  });
  return listing(entries, all.length);
}

function queuedByTunnel({ counters }: Ledger): Map<ConnectionCore, number> {
  const queued = new Map<ConnectionCore, number>();
  const add = (connection: ConnectionCore, bytes: number) =>
    queued.set(connection, (queued.get(connection) ?? 0) + bytes);
  for (const { client, listener, toClient, toListener } of counters.splices.keys()) {
    add(client.connection, toClient.queued);
    add(listener.connection, toListener.queued);
  }
  return queued;
}

function describeTunnel(record: TunnelRecord, instant: Instant): Omit<InspectedTunnel, 'streams' | 'queuedBytes'> {
  const { number, isOpen, remoteAddress, userAgent, since, carrier, refusalCount, roundTripMs } = record;
  return {
    number,
    state: isOpen ? 'open' : 'handshake',
    remoteAddress: remoteAddress ?? null,
    userAgent: userAgent ?? null,
    since: instant.iso(since),
    bytesReceived: carrier?.bytesReceived ?? 0,
    bytesSent: carrier?.bytesSent ?? 0,
    refusals: refusalCount,
    roundTripMs: roundTripMs ?? null,
  };
}

function listStreams(ledger: Ledger, instant: Instant, maxEntries: number): Listing<InspectedStream> {
  const { splices } = ledger.counters;
  const stalled: [LiveSplice, number][] = [];
  const others: [LiveSplice, number][] = [];
  for (const entry of splices) {
    const group = isStalled(entry[0]) ? stalled : others;
    if (group.length < maxEntries) group.push(entry);
  }
  const entries = [...stalled, ...others].slice(0, maxEntries).map(([splice, since]) => ({
    name: splice.name ?? null,
    since: instant.iso(since),
    client: ledger.tunnels.get(splice.client.connection)?.number ?? null,
    listener: ledger.tunnels.get(splice.listener.connection)?.number ?? null,
    toListener: describeFlow(splice.toListener),
    toClient: describeFlow(splice.toClient),
    isStalled: isStalled(splice),
  }));
  return listing(entries, splices.size);
}

function describeFlow({ passedBytes, queued, heldBackBy }: LiveFlow): InspectedFlow {
  return { bytes: passedBytes, queuedBytes: queued, heldBackBy: heldBackBy ?? null };
}

function listing<T>(entries: T[], total: number): Listing<T> {
  return { total, entries, omitted: total - entries.length };
}
