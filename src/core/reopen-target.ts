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
