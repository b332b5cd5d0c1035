import { TrunklineError } from '../protocol/errors.js';
import type { Progress, Reopen } from '../protocol/frames.js';
import type { ReceiveHalf } from './receive-half.js';
import type { ResumeKey, Side } from './resume-key.js';
import type { SendHalf } from './send-half.js';

/**
 * How a stream is carried on: who may do it, the how-manieth time it is, and from which byte.
 *
 *   initiator: OPEN received, ended, epoch, proof ──────> responder: believes it, goes on from there
 *           goes on from there <────── ACCEPT received, ended, proof
 */
export class Continuation {
  /** The last re-open; what comes with a lower or the same number is late, or a copy. */
  private epoch = 0;

  constructor(
    private readonly key: ResumeKey,
    private readonly sending: SendHalf,
    private readonly receiving: ReceiveHalf,
  ) {}

  get secret(): string {
    return this.key.secret;
  }

  /** Initiator: what the next OPEN says. */
  reopen(): Reopen {
    this.epoch++;
    return { ...this.progress('open'), epoch: this.epoch };
  }

  /** Responder: what the answer says. */
  answer(): Progress {
    return this.progress('accept');
  }

  /**
   * Responder: goes on from what the initiator holds, if it is the initiator, and newer than all before. Nothing has changed
   * when it is not. Returns true when what it says completes the delivery.
   * @param mayRepeat nothing came of the last one, so the same may be said again
   * @throws TrunklineError RESUME_UNKNOWN, whatever is wrong with it: guessing teaches nothing; PROTOCOL for offsets
   *   that cannot be
   */
  follow(reopen: Reopen | undefined, credit: number, mayRepeat: boolean): boolean {
    const isInitiator = reopen !== undefined && this.isProven(reopen, 'open', reopen.epoch);
    const lowest = mayRepeat ? this.epoch : this.epoch + 1;
    if (!isInitiator || reopen.epoch < lowest) throw unknownStream();
    const completes = this.goOnFrom(reopen, credit);
    this.epoch = reopen.epoch;
    return completes;
  }

  /**
   * Initiator: goes on from what the responder holds. Returns true when what it says completes the delivery.
   * @throws TrunklineError RESUME_UNKNOWN or PROTOCOL when the other end is not what it has to be
   */
  followAnswer(answer: Progress | undefined, credit: number): boolean {
    if (answer === undefined || !this.isProven(answer, 'accept', this.epoch)) throw unknownStream();
    return this.goOnFrom(answer, credit);
  }

  private goOnFrom({ received, ended }: Progress, credit: number): boolean {
    if (!this.sending.canGoOnFrom(received, ended))
      throw new TrunklineError('PROTOCOL', `the other side cannot hold ${received} bytes of this stream`);
    const wasDelivered = this.sending.isDone;
    this.sending.goOnFrom(received, ended, credit);
    return ended && !wasDelivered;
  }

  private progress(side: Side): Progress {
    const { received, isDone: ended } = this.receiving;
    return { received, ended, proof: this.key.proofOf(side, this.epoch, received, ended) };
  }

  private isProven({ received, ended, proof }: Progress, side: Side, epoch: number): boolean {
    return this.key.isProof(proof, side, epoch, received, ended);
  }
}

export function unknownStream(): TrunklineError {
  return new TrunklineError('RESUME_UNKNOWN', 'there is no such stream here');
}
