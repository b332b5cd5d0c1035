import type { TrunklineError } from '../protocol/errors.js';
import type { Accept, Offer, Open, Reopen, Target } from '../protocol/frames.js';
import { Continuation } from './continuation.js';
import type { ReceiveHalf } from './receive-half.js';
import type { SendHalf } from './send-half.js';
import type { StreamOptions } from './stream-options.js';
import type { StreamPhase } from './stream-state.js';

/** After a lost connection its listener may have to come back as well: a repeated connect waits at least so long for it. */
const RECONNECT_WAIT_MS = 10_000;

/**
 * What a stream's end says in OPEN and ACCEPT, and makes of what the other says there: the first time, and again on each
 * further attachment. From the first ACCEPT the initiator learns where the other end is found again.
 */
export class StreamHandshake {
  /** Without it the stream ends with its place. */
  readonly continuation: Continuation | undefined;
  private endpoint: string | undefined;
  /** A name: which of its takeovers this is (PROTOCOL.md section 8). */
  private claim = 0;

  constructor(
    private readonly options: StreamOptions,
    sending: SendHalf,
    receiving: ReceiveHalf,
  ) {
    if (options.key) this.continuation = new Continuation(options.key, sending, receiving);
    else sending.stopRetaining();
  }

  /** The other end has an endpoint that can be asked for. */
  get isKnown(): boolean {
    return this.endpoint !== undefined;
  }

  isResumable(phase: StreamPhase): boolean {
    if (this.options.target.kind === 'listen') return true;
    const isAgreed = !this.options.isInitiator || this.isKnown || phase === 'opening';
    return this.continuation !== undefined && isAgreed;
  }

  // ── what this end says ───────────────────────────────────────────────────────────────────────────────────────────

  open(credit: number): Open {
    return this.describe(this.options.target, credit);
  }

  /** Initiator: the next OPEN. */
  openAgain(credit: number, waitMs: number): Open {
    const resume = this.continuation?.reopen();
    return { ...this.describe(this.nextTarget(waitMs), credit), ...(resume && { resume }) };
  }

  /** Listener: the answer to an offer of what it has already. */
  acceptAgain(credit: number, offer: Offer, resume: Reopen | undefined): Open {
    return { ...this.describe({ kind: 'accept', offerId: offer.id }, credit), ...(resume && { resume }) };
  }

  accept(credit: number): Accept {
    const { meta, returnId } = this.options;
    return { credit, meta, endpoint: returnId };
  }

  private describe(target: Target, credit: number): Open {
    const open = { uid: this.options.uid, credit, meta: this.options.meta, target };
    if (this.continuation === undefined || target.kind === 'resume') return open;
    return { ...open, key: this.continuation.secret };
  }

  private nextTarget(waitMs: number): Target {
    const { endpoint, claim } = this;
    const { target: first } = this.options;
    if (first.kind === 'listen') return { ...first, claim };
    if (endpoint !== undefined) return { kind: 'resume', endpoint, waitMs };
    if (first.kind !== 'connect') return first;
    return { ...first, waitMs: Math.max(first.waitMs, Math.min(waitMs, RECONNECT_WAIT_MS)) };
  }

  // ── what the other end says ──────────────────────────────────────────────────────────────────────────────────────

  /** The first answer says how this stream can be opened again. */
  learn({ claim, endpoint }: Accept, sending: SendHalf): void {
    this.claim = claim ?? 0;
    this.endpoint = endpoint;
    if (this.options.isInitiator && !this.isKnown) sending.stopRetaining();
  }

  /** The relay never had our answer, and offers the same connect again: there is nothing yet to be carried on. */
  isAnswerUnheard({ key, resume }: Offer, phase: StreamPhase): boolean {
    return phase === 'opening' && resume === undefined && key !== undefined && key === this.continuation?.secret;
  }

  /**
   * Goes on from what the answer to a further OPEN says. Returns true when that completes the delivery.
   * @throws TrunklineError RESUME_UNKNOWN or PROTOCOL when the other end is not what it has to be
   */
  takeAnswer({ resume, credit }: Accept, phase: StreamPhase, sending: SendHalf): boolean {
    const isNewToOther = phase === 'opening' && resume === undefined;
    const isAnew = this.options.target.kind === 'listen' || isNewToOther;
    if (!isAnew && this.options.isInitiator) return this.continuation?.followAnswer(resume, credit) ?? false;
    if (isAnew) sending.goOnFrom(0, false, credit);
    else sending.raiseCredit(credit);
    return false;
  }

  /** Whether an initiator that was refused asks once more: where nobody has its stream yet, only a relay that leaves is worth it. */
  mayAskAgain(error: TrunklineError, phase: StreamPhase): boolean {
    return this.isKnown ? error.retryable : error.code === 'GOING_AWAY' && this.isResumable(phase);
  }
}
