import { HANDSHAKE_TIMEOUT_MS } from '../src/core/handshake.js';
import { DEFAULT_HEARTBEAT } from '../src/core/keep-alive.js';
import type { Heartbeat } from '../src/protocol/frames.js';
import { LIMIT_NAMES, type Limits, resolveLimits } from '../src/protocol/limits.js';
import { MAX_HEARTBEAT_MS } from '../src/protocol/messages.js';
import type { AccessOptions } from './access.js';
import { TrustedProxies } from './forwarded-for.js';
import type { RelayLogger } from './log.js';
import { checkKinds } from './option-kinds.js';
import { parseOrigins } from './origins.js';
import { type GivenRates, type RelayRates, resolveRates } from './rates.js';

/** What the relay announces, and what it enforces besides. What each protects: docs/relay.md. */
export interface RelayLimits extends Limits {
  /** Unanswered connects for one name. Over it: LIMIT_STREAMS. Default 256. */
  maxPendingPerName: number;
  /** Connects that one listener has not answered, on all of its names. Over it: LIMIT_STREAMS. Default 512. */
  maxPendingPerListener: number;
  /** Unanswered connects at this relay. Over it: LIMIT_STREAMS. Default 4,096. */
  maxPending: number;
  /** Streams at this relay that wait for their other end to be carried on. Over it: LIMIT_STREAMS. Default 16,384. */
  maxPendingResumes: number;
  /** Names that are kept for listeners whose connection was lost. Over it one of them is free at once. Default 4,096. */
  maxReservedNames: number;
  /** Watches of one tunnel. Over it: LIMIT_STREAMS. Default 16. */
  maxWatchesPerTunnel: number;
  /** Watches at this relay. Over it: LIMIT_STREAMS. Default 1,024. */
  maxWatches: number;
  /** How long a listener may take to answer an offer, milliseconds; then ACCEPT_TIMEOUT. Default 30,000. */
  acceptTimeoutMs: number;
  /** Longest `waitMs` a connect or a re-open may ask for, milliseconds; more is cut to it. Default 120,000. */
  maxWaitMs: number;
  /** How far senders may be ahead of one tunnel's socket, bytes, shared by its streams. Default 4,194,304. */
  egressBytes: number;
  /** Connections whose HELLO is not here or not decided on, in all. Over it an upgrade is answered 503. Default 1,024. */
  maxHandshakes: number;
  /** The same from one address (of IPv6: from one /64). Default 256. */
  maxHandshakesPerAddress: number;
  /**
   * What the relay may hold for its peers, bytes. Near it less is granted to senders, then no new tunnel is taken
   * (LIMIT_RATE), and past it the tunnel for which most waits is ended. Default 536,870,912.
   */
  memoryBytes: number;
}

export interface RelayOptions extends AccessOptions {
  limits?: Partial<RelayLimits>;
  /** How often a peer may do what costs others something: so many at once, then so many a second. */
  rates?: GivenRates;
  heartbeat?: Partial<Heartbeat>;
  /** Deadline from the upgrade to a complete HELLO, milliseconds. Default 10,000. */
  handshakeTimeoutMs?: number;
  /**
   * How long a name is reserved for its listener, and a stream may be carried on, after a connection was lost,
   * milliseconds. 0: a lost connection is the end of its names and streams. Default 120,000.
   */
  resumeWindowMs?: number;
  /**
   * Options of `ws`'s WebSocketServer, passed through. A hook of it that throws refuses the upgrade (HTTP 500), and is told
   * by the relay's 'error'. `server`, `port` and `path` are not taken (use `install`); `noServer`, `clientTracking` and
   * `maxPayload` (use `limits.maxMessageBytes`) have no effect.
   */
  ws?: object;
  /**
   * Pages of which origins may use the relay, such as `https://example.com`, exactly. Default: those that come from the host
   * and port that they dial. Programs that are no pages send no Origin, and are not asked for one.
   */
  origins?: readonly string[] | undefined;
  /** Proxies whose X-Forwarded-For is believed: addresses and ranges, such as `10.0.0.0/8`. Default: none. */
  trustedProxies?: readonly string[] | undefined;
  /** Where the relay says what happens: `pino`, or anything with its methods. No secret gets there. Default: nowhere. */
  logger?: RelayLogger;
  /** Serves Prometheus metrics at `<path>/metrics`. Default false. */
  metrics?: boolean;
  /** Serves a live page at `<path>/status`, and what it shows at `<path>/status.json`. Default false. */
  status?: boolean;
}

export interface ResolvedRelayOptions {
  limits: RelayLimits;
  rates: RelayRates;
  heartbeat: Heartbeat;
  handshakeTimeoutMs: number;
  resumeWindowMs: number;
  ws: object;
  origins: ReadonlySet<string> | undefined;
  trustedProxies: TrustedProxies;
}

const RESUME_WINDOW_MS = 120_000;

const RELAY_DEFAULTS = {
  maxPendingPerName: 256,
  maxPendingPerListener: 512,
  maxPending: 4096,
  maxPendingResumes: 16_384,
  maxReservedNames: 4096,
  maxWatchesPerTunnel: 16,
  maxWatches: 1024,
  acceptTimeoutMs: 30_000,
  maxWaitMs: 120_000,
  egressBytes: 4 * 1024 * 1024,
  maxHandshakes: 1024,
  maxHandshakesPerAddress: 256,
  memoryBytes: 512 * 1024 * 1024,
} as const satisfies Omit<RelayLimits, keyof Limits>;

const RELAY_LIMIT_NAMES = Object.keys(RELAY_DEFAULTS) as (keyof typeof RELAY_DEFAULTS)[];

/** @throws RangeError naming the option that is out of range; TypeError naming one that is none, or of another kind */
export function resolveOptions(options: RelayOptions = {}): ResolvedRelayOptions {
  checkKinds(options, [...LIMIT_NAMES, ...RELAY_LIMIT_NAMES]);
  const given = options.limits ?? {};
  const limits: RelayLimits = { ...resolveLimits(given), ...RELAY_DEFAULTS };
  for (const name of RELAY_LIMIT_NAMES) {
    if (given[name] !== undefined) limits[name] = positive(`limits.${name}`, given[name]);
  }
  return {
    limits,
    rates: resolveRates(options.rates, limits.maxStreams),
    heartbeat: {
      intervalMs: heartbeatMs('intervalMs', options.heartbeat),
      timeoutMs: heartbeatMs('timeoutMs', options.heartbeat),
    },
    handshakeTimeoutMs: positive('handshakeTimeoutMs', options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS),
    resumeWindowMs: notNegative('resumeWindowMs', options.resumeWindowMs ?? RESUME_WINDOW_MS),
    ws: options.ws ?? {},
    origins: options.origins && parseOrigins(options.origins),
    trustedProxies: new TrustedProxies(options.trustedProxies),
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
