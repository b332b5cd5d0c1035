import type { ConnectionCore } from '../src/core/connection.js';
import type { ErrorCode } from '../src/protocol/codes.js';
import type { Counters } from './counters.js';
import type { KeyedBudgets } from './keyed-budgets.js';
import type { MemoryBudget } from './memory-budget.js';
import type { ResolvedRelayOptions } from './options.js';
import type { Parties } from './parties.js';
import type { PeerBudget } from './peer-budget.js';
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
  /** Bytes that wait in transports, now. */
  transportBytes?(): number;
}

/** What the rooms of the broker share. */
export interface RelayContext {
  readonly options: ResolvedRelayOptions;
  readonly environment: RelayEnvironment;
  readonly registry: Registry;
  readonly counters: Counters;
  readonly parties: Parties;
  readonly memory: MemoryBudget;
  /** Of names that are taken over, by name. */
  readonly takeovers: KeyedBudgets;
  /** What a peer may still do; undefined for this process itself. */
  readonly budgetOf: (connection: ConnectionCore) => PeerBudget | undefined;
  /** Who stands behind a connection, for those who share something fairly. */
  readonly sourceOf: (connection: ConnectionCore) => unknown;
  /** A stream of that peer's comes to nothing here, and it is told so. `name`: what it asked for. */
  readonly refused: (connection: ConnectionCore, code: ErrorCode, name?: string) => void;
  /** The next deadline may have moved closer. */
  readonly deadlineMoved: () => void;
}

/** The egress budget of a tunnel, shared by its streams; a share is never so small that a stream crawls. */
export function egressShare({ options, memory }: RelayContext, connection: ConnectionCore): number {
  const { egressBytes, earlyWindowBytes } = options.limits;
  const share = Math.max(earlyWindowBytes, 1, Math.floor(egressBytes / Math.max(1, connection.streamCount)));
  return memory.shareOf(share);
}

/** Control frames that may wait for an endpoint that does not read them, of what others want of it. */
const MAX_QUEUED_REQUEST_BYTES = 4 * 1024 * 1024;

/** A client that asks and gives up, again and again, would else fill this endpoint's queue with dead requests. */
export function readsNothing(connection: ConnectionCore): boolean {
  return connection.queuedControlBytes >= MAX_QUEUED_REQUEST_BYTES;
}
