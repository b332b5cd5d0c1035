import { isLost } from '../src/core/lost.js';
import type { ErrorCode } from '../src/protocol/codes.js';
import { type ErrorPayload, TrunklineError } from '../src/protocol/errors.js';
import type { Accept } from '../src/protocol/frames.js';
import type { Counters, LiveSplice, SpliceOutcome } from './counters.js';
import type { Flow } from './flow.js';
import type { Leg, LegOwner } from './leg.js';

/**
 * Two legs joined: what ends one ends the other.
 *
 *   new ──start()──> open ──a last word from both sides, DETACH, or a leg that is gone──> closed
 *
 * RESET and CLOSE are last words: the first is passed on and its sender's leg waits for the other side's, so that
 * whoever speaks last knows that it was heard (PROTOCOL.md section 5).
 */
export class Splice implements LegOwner, LiveSplice {
  private state: 'new' | 'open' | 'closed' = 'new';
  /** The leg that has had its last word, while the other has not. */
  private finished: Leg | undefined;

  constructor(
    readonly client: Leg,
    /** Of the endpoint that listens, or did when the stream began. */
    readonly listener: Leg,
    private readonly counters: Counters,
    /** Both ends can carry the stream on over another connection. */
    private readonly isResumable: boolean,
    /** What the client connected to; not known of a stream that was carried on. */
    readonly name?: string,
  ) {}

  get toListener(): Flow {
    return this.client.inbound;
  }

  get toClient(): Flow {
    return this.client.outbound;
  }

  start(answer: Omit<Accept, 'credit'>): void {
    this.takeLegs();
    this.state = 'open';
    this.counters.spliceOpened(this);
    this.client.accept(answer);
    this.listener.accept({ meta: null });
  }

  /** From now on what happens to the legs is this splice's to deal with, whether it starts or ends before that. */
  takeLegs(): void {
    this.client.join(this.listener, this);
    this.listener.join(this.client, this);
  }

  legAccepted(): void {
    throw new TrunklineError('PROTOCOL', 'a second ACCEPT');
  }

  legReset(leg: Leg, error: ErrorPayload): void {
    this.client.deafen();
    this.listener.deafen();
    this.hearLastWord(leg, (other) => other.passReset(error));
  }

  legClosed(leg: Leg): void {
    if (this.finished === undefined && !leg.isDone)
      throw new TrunklineError('PROTOCOL', 'CLOSE of a stream that goes on');
    this.hearLastWord(leg, (other) => other.passClose());
  }

  private hearLastWord(leg: Leg, passTo: (other: Leg) => void): void {
    if (this.finished === leg) return;
    const isSecond = this.finished !== undefined;
    this.finished = leg;
    passTo(this.otherThan(leg));
    if (!isSecond) return;
    this.close(leg.isDone ? 'finished' : 'reset');
    this.client.close();
    this.listener.close();
  }

  legDetached(leg: Leg, error: ErrorPayload): void {
    leg.close();
    this.detach(this.otherThan(leg), error);
  }

  legLost(leg: Leg, error: TrunklineError): void {
    const other = this.otherThan(leg);
    if (this.finished !== leg && this.isResumable && isLost(error))
      return this.detach(other, { code: 'CONNECTION_LOST', reason: "the other endpoint's connection was lost" });
    const wasNew = this.state === 'new';
    if (leg.isDone) this.close('finished');
    else this.close(this.finished === undefined ? 'lost' : 'reset');
    // What this leg said last has been passed on, and nothing is owed to it any more.
    if (this.finished === leg) return other.close();
    if (this.finished === undefined && !leg.isDone) return other.reset(this.goneReason(leg, error, wasNew));
    // The other waits, or is about to, for nothing but to be let go.
    other.passClose();
    other.close();
  }

  /** Whether on purpose or lost: a client learns that its listener is. */
  private goneReason(leg: Leg, error: TrunklineError, wasNew: boolean): ErrorPayload {
    // To a client that only asks for its stream again: asking once more would not bring it back.
    const retryable = wasNew ? { retryable: false } : {};
    if (leg === this.listener) return { code: 'LISTENER_GONE', reason: 'the listener went away', ...retryable };
    const code: ErrorCode = error.code === 'TUNNEL_CLOSED' ? 'TUNNEL_CLOSED' : 'CONNECTION_LOST';
    return { code, reason: 'the client went away' };
  }

  private detach(leg: Leg, error: ErrorPayload): void {
    this.close('detached');
    leg.detachPeer(error);
  }

  private close(outcome: SpliceOutcome): void {
    this.counters.spliceClosed(this, outcome);
    this.state = 'closed';
  }

  private otherThan(leg: Leg): Leg {
    return leg === this.client ? this.listener : this.client;
  }
}
