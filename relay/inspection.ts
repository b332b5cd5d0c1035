// What `relay.inspect()` returns and the status page reads.
import type { RelayStats } from './counters.js';
import type { RelayLimits } from './options.js';

export type RelayState = 'serving' | 'draining' | 'closed';

/** Some of a kind, and how many there are. */
export interface Listing<T> {
  total: number;
  entries: T[];
  /** Those that are not in `entries`. */
  omitted: number;
}

export interface InspectedName {
  name: string;
  /** reserved: its listener was lost, and is expected back. */
  state: 'held' | 'reserved';
  /** ISO 8601, like all times here. */
  since: string;
}

export interface InspectedTunnel {
  /** What log lines and streams call it. */
  number: number;
  /** handshake: it has not said yet who it is. */
  state: 'handshake' | 'open';
  /** Null: this process itself, by `relay.connect`. */
  remoteAddress: string | null;
  /** Of the upgrade request, as it was sent, cut to 200 characters. */
  userAgent: string | null;
  since: string;
  /** On it now: also those of listeners, and those that are not answered yet. */
  streams: number;
  /** Whole messages, without what the WebSocket puts around them. */
  bytesReceived: number;
  bytesSent: number;
  /** What waits here for its socket. */
  queuedBytes: number;
  refusals: number;
  /** Null until it was measured: the first look at a tunnel asks for it. */
  roundTripMs: number | null;
}

export interface InspectedFlow {
  /** Payload that was passed on. */
  bytes: number;
  queuedBytes: number;
  /** Who holds its source back, which has used up its credit: this relay, the sink that takes no more, or nobody. */
  heldBackBy: 'relay' | 'sink' | null;
}

export interface InspectedStream {
  /** What its client connected to; null for a stream that was carried on here from another connection. */
  name: string | null;
  since: string;
  /** Numbers of its tunnels. */
  client: number | null;
  listener: number | null;
  toListener: InspectedFlow;
  toClient: InspectedFlow;
  /** One of its sources is held back by this relay. */
  isStalled: boolean;
}

/** What a relay is doing: plain JSON. */
export interface RelayInspection {
  at: string;
  startedAt: string;
  state: RelayState;
  /** The oldest first. */
  names: Listing<InspectedName>;
  /** Those first for whose sockets most is waiting, then the oldest. */
  tunnels: Listing<InspectedTunnel>;
  /** Joined ones; those first that are stalled, then the oldest. */
  streams: Listing<InspectedStream>;
  /** Payload that waits here. */
  queuedBytes: number;
  totals: RelayStats;
  limits: RelayLimits;
}
