import { TrunklineError } from '../src/protocol/errors.js';
import type { Claims } from './access.js';

/**
 * What `authenticate` has returned, whatever it is: who has nothing to say of a token does not know it.
 * @throws TrunklineError UNAUTHENTICATED for undefined, null and false; TypeError for what else is no object
 */
export function toClaims(value: unknown): Claims {
  if (value === undefined || value === null || value === false)
    throw new TrunklineError('UNAUTHENTICATED', 'nobody is known here by that token');
  if (typeof value === 'object' && !Array.isArray(value)) return value as Claims;
  const what = Array.isArray(value) ? 'a list' : `a ${typeof value}`;
  throw new TypeError(`authenticate returned ${what}: claims are an object; to say no, throw UNAUTHENTICATED`);
}

/**
 * How long the claims hold, milliseconds; undefined: for as long as the tunnel is there.
 * @throws TrunklineError TOKEN_EXPIRED when that time is over
 */
export function lifetimeOf({ exp }: Claims): number | undefined {
  if (typeof exp !== 'number') return undefined;
  const lifetimeMs = exp * 1000 - Date.now();
  if (lifetimeMs > 0) return lifetimeMs;
  throw new TrunklineError('TOKEN_EXPIRED', 'the token has expired');
}

/** Also a promise of another library, or of another realm. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
