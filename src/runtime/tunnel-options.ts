import { DEFAULT_WINDOW, type WindowOptions } from '../core/receive-half.js';
import { MAX_RETAINED_BYTES } from '../core/send-half.js';
import { type Limits, resolveLimits } from '../protocol/limits.js';

export type Token = string | (() => string | Promise<string>);

export interface TunnelOptions {
  /**
   * For the peer to know who dials; travels in HELLO, never in a URL. A function is asked for one before each dial, and when
   * the peer says that the last one runs out: streams go on.
   */
  token?: Token | undefined;
  /** What this side accepts; announced to the peer. Defaults: `DEFAULT_LIMITS`. */
  limits?: Partial<Limits> | undefined;
  /** Bytes that a sender may be ahead of a reader here, at first. Default 262,144. */
  windowBytes?: number | undefined;
  /** What that may grow to while the reader keeps up and the sender stalls for credit. Default 4,194,304, at most 134,217,728. */
  maxWindowBytes?: number | undefined;
  /** Deadline of dial and handshake together, milliseconds. Default 10,000. */
  handshakeTimeoutMs?: number | undefined;
  /**
   * How long the tunnel and its streams outlive a lost connection, milliseconds; then they fail with RESUME_EXPIRED.
   * Default 120,000. 0: not at all; nothing is kept to be sent again, and a lost connection is CONNECTION_LOST.
   */
  resumeWindowMs?: number | undefined;
  /** The same as `resumeWindowMs`, for who knows it from elsewhere by this name. */
  keepBrokenTunnelMs?: number | undefined;
  /** The tunnel closes when it has carried no stream for so long, milliseconds. Default 0: never. */
  idleTimeoutMs?: number | undefined;
  /** Node's buffer mark of every stream, bytes, each direction. Default 65,536. */
  highWaterMarkBytes?: number | undefined;
}

/** A sender keeps half of it at most (`MAX_RETAINED_BYTES`), and is told of what was consumed after half of it. */
const MAX_WINDOW_BYTES = 2 * MAX_RETAINED_BYTES;
const DEFAULT_RESUME_WINDOW_MS = 120_000;

export interface ResolvedTunnelOptions {
  token: Token | undefined;
  limits: Limits;
  window: WindowOptions;
  handshakeTimeoutMs: number | undefined;
  resumeWindowMs: number;
  idleTimeoutMs: number;
  highWaterMarkBytes: number | undefined;
}

/** @throws RangeError naming the option that is out of range, TypeError for a token that is none and for two that contradict each other */
export function resolveTunnelOptions(options: TunnelOptions): ResolvedTunnelOptions {
  const limits = resolveLimits(options.limits);
  const { token, handshakeTimeoutMs, highWaterMarkBytes, idleTimeoutMs = 0 } = options;
  const resumeWindowMs = resolveResumeWindow(options);
  assertToken(token);
  assertWhole('handshakeTimeoutMs', handshakeTimeoutMs ?? 1, 1);
  assertWhole('highWaterMarkBytes', highWaterMarkBytes ?? 0);
  assertWhole('idleTimeoutMs', idleTimeoutMs);
  const window = resolveWindow(options, limits.earlyWindowBytes);
  return { token, limits, window, handshakeTimeoutMs, resumeWindowMs, idleTimeoutMs, highWaterMarkBytes };
}

/** A promise that was not awaited would be no token at all. */
function assertToken(token: unknown): void {
  if (token === undefined || typeof token === 'string' || typeof token === 'function') return;
  throw new TypeError(`token is a text, or a function that returns one or its promise, not ${String(token)}`);
}

function resolveResumeWindow({ resumeWindowMs, keepBrokenTunnelMs }: TunnelOptions): number {
  if (resumeWindowMs !== undefined && keepBrokenTunnelMs !== undefined)
    throw new TypeError('resumeWindowMs and keepBrokenTunnelMs are the same: give one of them');
  const window = resumeWindowMs ?? keepBrokenTunnelMs ?? DEFAULT_RESUME_WINDOW_MS;
  assertWhole(resumeWindowMs === undefined ? 'keepBrokenTunnelMs' : 'resumeWindowMs', window);
  return window;
}

export function assertWhole(name: string, value: number, lowest = 0): void {
  if (Number.isSafeInteger(value) && value >= lowest) return;
  throw new RangeError(`${name} must be a whole number of at least ${lowest}, not ${value}`);
}

function resolveWindow(options: TunnelOptions, earlyWindowBytes: number): WindowOptions {
  const windowBytes = options.windowBytes ?? DEFAULT_WINDOW.windowBytes;
  const maxWindowBytes = options.maxWindowBytes ?? Math.max(DEFAULT_WINDOW.maxWindowBytes, windowBytes);
  if (!Number.isSafeInteger(windowBytes) || windowBytes < earlyWindowBytes || windowBytes < 1) {
    throw new RangeError(
      `windowBytes must be a whole number of at least earlyWindowBytes (${earlyWindowBytes}), not ${windowBytes}`,
    );
  }
  if (!Number.isSafeInteger(maxWindowBytes) || maxWindowBytes < windowBytes) {
    throw new RangeError(
      `maxWindowBytes must be a whole number of at least windowBytes (${windowBytes}), not ${maxWindowBytes}`,
    );
  }
  if (maxWindowBytes > MAX_WINDOW_BYTES) {
    throw new RangeError(`windowBytes and maxWindowBytes may be at most ${MAX_WINDOW_BYTES}, not ${maxWindowBytes}`);
  }
  return { windowBytes, maxWindowBytes };
}
