import type { TrunklineError } from '../protocol/errors.js';
import type { Accept, Target } from '../protocol/frames.js';

/** After a lost connection its listener may have to come back as well: a repeated connect waits at least so long for it. */
const RECONNECT_WAIT_MS = 10_000;

/** Where a stream's other end is found again: its initiator learns it from the first ACCEPT. */
export class ReopenTarget {
  private endpoint: string | undefined;
  /** A name: which of its takeovers this is (PROTOCOL.md section 8). */
  private claim = 0;

  constructor(
    /** What the first OPEN asks for. */
    private readonly first: Target,
  ) {}

  /** The other end has an endpoint that can be asked for. */
  get isKnown(): boolean {
    return this.endpoint !== undefined;
  }

  learn({ claim, endpoint }: Accept): void {
    this.claim = claim ?? 0;
    this.endpoint = endpoint;
  }

  /** What the stream asks for when it is opened again. */
  next(waitMs: number): Target {
    const { first, endpoint, claim } = this;
    if (first.kind === 'listen') return { ...first, claim };
    if (endpoint !== undefined) return { kind: 'resume', endpoint, waitMs };
    if (first.kind !== 'connect') return first;
    return { ...first, waitMs: Math.max(first.waitMs, Math.min(waitMs, RECONNECT_WAIT_MS)) };
  }

  /** Whether an initiator that was refused asks once more: where nobody has its stream yet, only a relay that leaves is worth it. */
  mayAskAgain(error: TrunklineError, isResumable: boolean): boolean {
    return this.isKnown ? error.retryable : error.code === 'GOING_AWAY' && isResumable;
  }
}
