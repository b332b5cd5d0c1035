import type { ErrorCode } from '../protocol/codes.js';

/**
 * Ends of a connection after which its endpoint comes back on another one. Any other end is for good: the endpoint has
 * left, or one of the two has broken the protocol and would do so again.
 */
const LOST: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CONNECTION_LOST',
  'GOING_AWAY',
  'HANDSHAKE_TIMEOUT',
  'LIMIT_RATE',
  'TOKEN_EXPIRED',
]);

/** Lost: worth waiting for. Gone: not. */
export function isLost({ code }: { code: ErrorCode }): boolean {
  return LOST.has(code);
}
