import { HANDSHAKE_TIMEOUT_MS } from '../src/core/handshake.js';
import { DEFAULT_HEARTBEAT } from '../src/core/keep-alive.js';
import type { Heartbeat } from '../src/protocol/frames.js';
import { type Limits, resolveLimits } from '../src/protocol/limits.js';
import { MAX_HEARTBEAT_MS } from '../src/protocol/messages.js';

/** What the relay announces, and what it enforces besides. What each protects: docs/relay.md. */
export interface RelayLimits extends Limits {
  /** Unanswered connects for one name. Over it: LIMIT_STREAMS. Default 256. */
  maxPendingPerName: number;
  /** Unanswered connects at this relay. Over it: LIMIT_STREAMS. Default 4,096. */
  maxPending: number;
  /** Streams at this relay that wait for their other end to be carried on. Over it: LIMIT_STREAMS. Default 16,384. */
  maxPendingResumes: number;
  /** Names that are kept for listeners whose connection was lost. Over it such a name is free at once. Default 4,096. */
  maxReservedNames: number;
  /** How long a listener may take to answer an offer, milliseconds; then ACCEPT_TIMEOUT. Default 30,000. */
  acceptTimeoutMs: number;
  /** Longest `waitMs` a connect or a re-open may ask for, milliseconds; more is cut to it. Default 120,000. */
  maxWaitMs: number;
  /** How far senders may be ahead of one tunnel's socket, bytes, shared by its streams. Default 4,194,304. */
  egressBytes: number;
}

export interface RelayOptions {
  limits?: Partial<RelayLimits>;
  heartbeat?: Partial<Heartbeat>;
  /** Deadline from the upgrade to a complete HELLO, milliseconds. Default 10,000. */
  handshakeTimeoutMs?: number;
  /**
   * How long a name is reserved for its listener, and a stream may be carried on, after a connection was lost,
   * milliseconds. 0: a lost connection is the end of its names and streams. Default 120,000.
   */
  resumeWindowMs?: number;
  /**
   * Options of `ws`'s WebSocketServer, passed through. What the relay decides by itself has no effect here: `noServer`,
   * `server`, `port` and `path` (use `install`), `clientTracking`, and `maxPayload` (use `limits.maxMessageBytes`).
   */
  ws?: object;
}

export interface ResolvedRelayOptions {
  limits: RelayLimits;
  heartbeat: Heartbeat;
  handshakeTimeoutMs: number;
  resumeWindowMs: number;
  ws: object;
}

const RESUME_WINDOW_MS = 120_000;

const RELAY_DEFAULTS = {
  maxPendingPerName: 256,
  maxPending: 4096,
  maxPendingResumes: 16_384,
  maxReservedNames: 4096,
  acceptTimeoutMs: 30_000,
  maxWaitMs: 120_000,
  egressBytes: 4 * 1024 * 1024,
} as const satisfies Omit<RelayLimits, keyof Limits>;

/** @throws RangeError naming the option that is out of range */
export function resolveOptions(options: RelayOptions = {}): ResolvedRelayOptions {
  const given = options.limits ?? {};
  const limits: RelayLimits = { ...resolveLimits(given), ...RELAY_DEFAULTS };
  for (const name of Object.keys(RELAY_DEFAULTS) as (keyof typeof RELAY_DEFAULTS)[]) {
    if (given[name] !== undefined) limits[name] = positive(`limits.${name}`, given[name]);
  }
  return {
    limits,
    heartbeat: {
      intervalMs: heartbeatMs('intervalMs', options.heartbeat),
      timeoutMs: heartbeatMs('timeoutMs', options.heartbeat),
    },
    handshakeTimeoutMs: positive('handshakeTimeoutMs', options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS),
    resumeWindowMs: notNegative('resumeWindowMs', options.resumeWindowMs ?? RESUME_WINDOW_MS),
    ws: options.ws ?? {},
  };
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`${name} must be a whole number above 0, not ${String(value)}`);
}

function notNegative(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`${name} must be a whole number from 0, not ${String(value)}`);
}

/** No peer takes a WELCOME that says more. */
function heartbeatMs(name: keyof Heartbeat, given: Partial<Heartbeat> = {}): number {
  const value = positive(`heartbeat.${name}`, given[name] ?? DEFAULT_HEARTBEAT[name]);
  if (value <= MAX_HEARTBEAT_MS) return value;
  throw new RangeError(`heartbeat.${name} must be at most ${MAX_HEARTBEAT_MS}, not ${value}`);
}
