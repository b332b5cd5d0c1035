import type { ConnectionCore } from '../src/core/connection.js';
import type { Counters } from './counters.js';
import type { ResolvedRelayOptions } from './options.js';
import type { Parties } from './parties.js';
import type { Registry } from './registry.js';

/** What the relay's core cannot do by itself. */
export interface RelayEnvironment {
  /** 128 random bits as 32 hexadecimal digits. */
  randomId(): string;
  /** One-way: what becomes of an endpoint's secret before anybody else sees it. */
  hash(secret: string): string;
  /** Above every claim that was made before: it has to rise across restarts of the relay, so it is the time of day. */
  newClaim(): number;
  /** The time by the clock of `advance`: nobody says when a connection was lost. */
  now(): number;
}

/** What the rooms of the broker share. */
export interface RelayContext {
  readonly options: ResolvedRelayOptions;
  readonly environment: RelayEnvironment;
  readonly registry: Registry;
  readonly counters: Counters;
  readonly parties: Parties;
  /** The next deadline may have moved closer. */
  readonly deadlineMoved: () => void;
}

/** The egress budget of a tunnel, shared by its streams; a share is never so small that a stream crawls. */
export function egressShare({ options }: RelayContext, connection: ConnectionCore): number {
  const { egressBytes, earlyWindowBytes } = options.limits;
  return Math.max(earlyWindowBytes, 1, Math.floor(egressBytes / Math.max(1, connection.streamCount)));
}

/** Control frames that may wait for an endpoint that does not read them, of what others want of it. */
const MAX_QUEUED_REQUEST_BYTES = 4 * 1024 * 1024;

/** A client that asks and gives up, again and again, would else fill this endpoint's queue with dead requests. */
export function readsNothing(connection: ConnectionCore): boolean {
  return connection.queuedControlBytes >= MAX_QUEUED_REQUEST_BYTES;
}
