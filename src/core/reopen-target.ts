import type { TrunklineError } from '../protocol/errors.js';
import type { Target } from '../protocol/frames.js';

/** After a lost connection its listener may have to come back as well: a repeated connect waits at least so long for it. */
const RECONNECT_WAIT_MS = 10_000;

/** What a stream asks for when it is opened again. */
export function targetOfReopen(target: Target, waitMs: number, endpoint: string | undefined, claim: number): Target {
  if (target.kind === 'listen') return { ...target, claim };
  if (endpoint !== undefined) return { kind: 'resume', endpoint, waitMs };
  if (target.kind !== 'connect') return target;
  return { ...target, waitMs: Math.max(target.waitMs, Math.min(waitMs, RECONNECT_WAIT_MS)) };
}

/** Whether an initiator that was refused asks once more: where nobody has its stream yet, only a relay that leaves is worth it. */
export function mayAskAgain(error: TrunklineError, endpoint: string | undefined, isResumable: boolean): boolean {
  return endpoint === undefined ? error.code === 'GOING_AWAY' && isResumable : error.retryable;
}
