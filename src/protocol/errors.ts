import { CODES, type ErrorCode, isErrorCode } from './codes.js';
import { truncateUtf8 } from './utf8.js';

export interface ErrorDetails {
  /** Overrides what the code says of itself. */
  retryable?: boolean | undefined;
  /** How long to wait before trying again, where the peer said so. */
  retryAfterMs?: number | undefined;
  /** The application's own code, sent along by `destroy(err)` or by a refusal. */
  appCode?: string | undefined;
  cause?: unknown;
}

/** What RESET, REFUSE and GOAWAY carry. */
export interface ErrorPayload {
  code: ErrorCode;
  reason: string;
  retryable?: boolean | undefined;
  retryAfterMs?: number | undefined;
  appCode?: string | undefined;
}

/** Survives two copies of the package in one process, where `instanceof` by prototype does not. */
const BRAND = Symbol.for('trunkline.error');

/** Keeps an error text from filling a control frame; long enough for any sentence. */
export const MAX_REASON_BYTES = 1024;
export const MAX_APP_CODE_BYTES = 128;

/** The one error class, in page, Node and relay. Branch on `code`; the message is for people. */
export class TrunklineError extends Error {
  override readonly name = 'TrunklineError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly appCode: string | undefined;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, message?: string, details: ErrorDetails = {}) {
    super(message || CODES[code].meaning, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.retryable = details.retryable ?? CODES[code].retryable;
    this.retryAfterMs = details.retryAfterMs;
    this.appCode = details.appCode;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  /** The same failure, told again to somebody else. Each stream gets its own object: stacks are not shared. */
  clone(): TrunklineError {
    return new TrunklineError(this.code, this.message, {
      retryable: this.retryable,
      retryAfterMs: this.retryAfterMs,
      appCode: this.appCode,
      ...(this.cause === undefined ? {} : { cause: this.cause }),
    });
  }

  static fromPayload(payload: ErrorPayload): TrunklineError {
    return new TrunklineError(payload.code, payload.reason, payload);
  }
}

/**
 * What the other side is told of a local error. A TrunklineError keeps its code; an application's own error travels as
 * CANCELED with its message, and its `code` (if it has one) as `appCode`, so that nobody has to match text.
 */
export function toErrorPayload(error: unknown, fallback: ErrorCode = 'CANCELED'): ErrorPayload {
  if (error instanceof TrunklineError) {
    return {
      code: error.code,
      reason: truncateUtf8(error.message, MAX_REASON_BYTES),
      ...(error.retryable === CODES[error.code].retryable ? {} : { retryable: error.retryable }),
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      ...(error.appCode === undefined ? {} : { appCode: truncateUtf8(String(error.appCode), MAX_APP_CODE_BYTES) }),
    };
  }
  if (error instanceof Error) {
    const own: unknown = (error as { code?: unknown }).code;
    const appCode =
      typeof own === 'string' && !isErrorCode(own) ? { appCode: truncateUtf8(own, MAX_APP_CODE_BYTES) } : {};
    // An application may have put anything there.
    return { code: fallback, reason: truncateUtf8(String(error.message ?? ''), MAX_REASON_BYTES), ...appCode };
  }
  return { code: fallback, reason: '' };
}

/** Anything thrown, as a TrunklineError that keeps it as `cause`. */
export function toTrunklineError(error: unknown, code: ErrorCode): TrunklineError {
  if (error instanceof TrunklineError) return error;
  return new TrunklineError(code, textOf(error), { cause: error });
}

/** Anything can be thrown, also what cannot be made a text. */
function textOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return 'something was thrown that is no error and no text';
  }
}
