import { encodeAccept, encodeEndAck, encodeOffer, encodeRefuse } from '../protocol/encode.js';
import { type ErrorPayload, TrunklineError, toErrorPayload } from '../protocol/errors.js';
import type { Accept, Offer, Open, Progress, Reopen, StreamFrame, Target } from '../protocol/frames.js';
import type { Json } from '../protocol/meta.js';
import type { ConnectionCore } from './connection.js';
import { unknownStream } from './continuation.js';
import { LastWord } from './last-word.js';
import { ReceiveHalf } from './receive-half.js';
import { SendHalf } from './send-half.js';
import { StreamHandshake } from './stream-handshake.js';
import { NO_KEEPER, type StreamKeeper } from './stream-keeper.js';
import type { StreamEvent, StreamOptions } from './stream-options.js';
import { type PlacedStream, type Stage, StreamPlace } from './stream-place.js';
import { nextPhase, type StreamInput, type StreamPhase } from './stream-state.js';

export type { StreamEvent, StreamOptions };

/**
 * A stream at its endpoint: two halves and a phase. It belongs to no connection: it is given a place on one, loses it,
 * and is given another, on which both ends say what they hold and go on from there.
 */
export class StreamCore implements PlacedStream {
  readonly uid: string;
  readonly isInitiator: boolean;
  /** @internal */
  readonly sending = new SendHalf();
  /** @internal */
  receiving: ReceiveHalf;
  private phase: StreamPhase = 'new';
  private place: StreamPlace | undefined;
  private readonly keeper: StreamKeeper;
  private readonly handshake: StreamHandshake;
  private readonly lastWord: LastWord;
  /** The application has been told of the suspension, and not yet of its end. */
  private isShownSuspended = false;
  /** Re-opens since anything came of them: whoever makes us open again and again is answered slower and slower. */
  fruitlessReopens = 0;

  constructor(
    private readonly options: StreamOptions,
    earlyWindowBytes = 0,
  ) {
    this.uid = options.uid;
    this.isInitiator = options.isInitiator;
    this.keeper = options.keeper ?? NO_KEEPER;
    this.lastWord = new LastWord(options.isInitiator);
    this.receiving = new ReceiveHalf(options.window, earlyWindowBytes);
    this.handshake = new StreamHandshake(options, this.sending, this.receiving);
  }

  get target(): Target {
    return this.options.target;
  }

  /** Over, for the application: nothing more will be told of it. */
  get isClosed(): boolean {
    return this.phase === 'closed' || this.phase === 'lingering';
  }

  get currentPhase(): StreamPhase {
    return this.phase;
  }

  /** Over for the application, while the other side may not know it yet. */
  get isLingering(): boolean {
    return this.phase === 'lingering';
  }

  get isSuspended(): boolean {
    return this.place === undefined;
  }

  get connection(): ConnectionCore | undefined {
    return this.place?.connection;
  }

  /** Bytes of the application's own memory: it may not use it again. */
  get borrowedBytes(): number {
    return this.sending.borrowedBytes;
  }

  get pendingBytes(): number {
    return this.sending.pendingBytes;
  }

  /** The other side has said everything, and nothing that was written here is still to be sent. */
  get hasNothingToSay(): boolean {
    return this.phase === 'open' && this.receiving.isDone && this.sending.pendingBytes === 0;
  }

  get retainedBytes(): number {
    return this.sending.retainedBytes;
  }

  get unreadBytes(): number {
    return this.receiving.unreadBytes;
  }

  /** A responder sends nothing before its ACCEPT (R38). @internal */
  get maySend(): boolean {
    return this.phase === 'opening' || this.phase === 'open';
  }

  // ── a place on a connection ──────────────────────────────────────────────────────────────────────────────────────

  /** Sends the first OPEN. @throws TrunklineError when the connection cannot take it */
  openOn(connection: ConnectionCore): void {
    const place = this.openPlace(connection, 'opening', this.handshake.open(this.receiving.announce()));
    this.move('send OPEN');
    if (connection.isOpen) place.limitsKnown(connection.peerLimits);
    place.wake();
  }

  /** Responder of a plain stream, or of a name: takes its place under the id of the received OPEN; `accept` answers. */
  placeOn(connection: ConnectionCore, id: number, open: Open): void {
    this.move('receive OPEN');
    this.sending.raiseCredit(open.credit);
    this.takePlace(connection, id);
  }

  /**
   * Initiator: opens it again, on whatever connection there is now. A stream that never saw its ACCEPT asks for its name
   * once more (the listener knows the uid, if it has it already); any other asks for the endpoint that has it.
   * @throws TrunklineError when the connection cannot take it
   */
  openAgainOn(connection: ConnectionCore, waitMs: number): void {
    this.fruitlessReopens++;
    // A name is asked for anew: nothing of its earlier listen stream counts.
    if (this.target.kind === 'listen') this.receiving = new ReceiveHalf(this.options.window, 0);
    this.openPlace(connection, 'reopening', this.handshake.openAgain(this.receiving.announce(), waitMs));
  }

  /**
   * Responder: the initiator has come back, over another attachment. The older one is left.
   * @throws TrunklineError RESUME_UNKNOWN or PROTOCOL, and nothing has changed
   */
  resumeOn(connection: ConnectionCore, id: number, open: Open): void {
    const resume = this.takeReopen(open.resume, open.credit);
    this.leavePlace();
    const place = this.takePlace(connection, id);
    place.reply((on) => encodeAccept(on, { ...this.handshake.accept(this.receiving.announce()), resume }));
    this.goLive(null);
  }

  /**
   * Listener: the client asks once more for what it has been given already, because it never saw the answer.
   * @throws TrunklineError RESUME_UNKNOWN or PROTOCOL, and nothing has changed; or what the connection says
   */
  acceptAgainOn(connection: ConnectionCore, offer: Offer): void {
    const resume = this.handshake.isAnswerUnheard(offer, this.phase) ? undefined : this.takeOffer(offer);
    this.leavePlace();
    this.openPlace(connection, 'reopening', this.handshake.acceptAgain(this.receiving.announce(), offer, resume));
  }

  /** While our last answer has come to nothing, the relay offers the same re-open again. */
  private takeOffer({ resume }: Offer): Reopen {
    const mayRepeat = this.place?.stage !== 'live';
    return { ...resume, ...this.takeReopen(resume, 0, mayRepeat) } as Reopen;
  }

  /** Gives its place up without giving the stream up: it lives on elsewhere, or nobody is left to tell. */
  leavePlace(): void {
    this.place?.leave('the stream has left this attachment');
    this.place = undefined;
    this.lastWord.placeLost();
    this.receiving.forgetPace();
  }

  /** @internal */
  placeLost(error: TrunklineError): void {
    // How fast connections follow each other is the dialer's to slow down.
    this.fruitlessReopens = 0;
    this.suspend(error.clone());
  }

  // ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────

  accept(extra: Partial<Accept> = {}): void {
    if (this.isClosed) return;
    this.move('send ACCEPT');
    this.place?.send((id) => encodeAccept(id, { ...this.handshake.accept(this.receiving.announce()), ...extra }));
    this.acknowledgeEnd();
    this.place?.wake();
  }

  /** The bytes stay the caller's until `drained`. */
  write(bytes: Uint8Array): void {
    if (this.isClosed) return;
    this.sending.write(bytes);
    this.place?.wake();
  }

  /** The bytes, which are few, are copied: they are the caller's again at once. */
  writeCopy(bytes: Uint8Array): void {
    if (this.isClosed) return;
    this.sending.writeCopy(bytes);
    this.place?.wake();
  }

  end(): void {
    if (this.isClosed) return;
    this.sending.end();
    this.place?.wake();
  }

  /** The application has taken `length` bytes. */
  consume(length: number): void {
    if (this.receiving.consume(length) && this.phase === 'open') this.place?.wake();
  }

  /** Gives the stream up; the other side is told why, now or when there is a way. Nothing more is heard of it here. */
  reset(error: unknown): void {
    if (this.isClosed) return;
    this.sending.discard();
    // Nobody has said that it has this stream.
    if (this.isSuspended && this.phase !== 'open') return this.depart();
    this.lastWord.giveUp(toErrorPayload(error));
    const mayTell = this.place?.stage !== 'reopening' || this.phase === 'opening';
    this.move('send RESET');
    if (mayTell) this.lastWord.say(this.place);
    this.keeper.lingers(this);
  }

  offer(offer: Offer): void {
    this.place?.send((id) => encodeOffer(id, offer));
  }

  refuse(offerId: string, error: ErrorPayload): void {
    this.place?.send((id) => encodeRefuse(id, { id: offerId, ...error }));
  }

  /** The stream fails without a word to the other side: there is no way to reach it. */
  fail(error: TrunklineError): void {
    if (this.phase === 'closed') return;
    const wasOver = this.isClosed;
    this.depart();
    if (!wasOver) this.emit({ type: 'failed', error });
  }

  // ── frames in ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @internal */
  receive(frame: StreamFrame, now: number): void {
    if (frame.type === 'DETACH' || this.isTurnedAwayBy(frame)) {
      if (frame.type === 'RESET') this.lastWord.answer(this.place);
      this.releasePlace();
      const { code, reason } = frame.error;
      return this.suspend(new TrunklineError(code === 'GOING_AWAY' ? code : 'CONNECTION_LOST', reason));
    }
    if (this.place?.stage === 'reopening') return this.receiveAnswer(frame);
    const wasLingering = this.isLingering;
    this.move(`receive ${frame.type}`);
    if (!wasLingering) this.handle(frame, now);
    else if (frame.type === 'ACCEPT') this.handshake.learn(frame.accept, this.sending);
    else if (this.phase === 'closed') this.answerLast();
  }

  private handle(frame: StreamFrame, now: number): void {
    switch (frame.type) {
      case 'ACCEPT':
        return this.receiveAccept(frame.accept);
      case 'RESET':
        this.answerLast();
        return this.emit({ type: 'failed', error: TrunklineError.fromPayload(frame.error) });
      case 'DATA':
        if (this.target.kind === 'listen') throw new TrunklineError('PROTOCOL', 'DATA on a listen stream');
        this.receiving.receiveData(frame.payload.length, frame.exhausted, now);
        return this.passData(frame.payload);
      case 'CREDIT':
        if (this.sending.receiveCredit(frame.consumed, frame.credit)) this.fruitlessReopens = 0;
        return this.place?.wake();
      case 'END':
        this.receiving.receiveEnd(frame.finalOffset);
        this.acknowledgeEnd();
        this.emit({ type: 'end' });
        return this.closeIfDone();
      case 'END_ACK':
        this.sending.receiveEndAck();
        this.emit({ type: 'delivered' });
        return this.closeIfDone();
      case 'OFFER':
        if (this.target.kind !== 'listen')
          throw new TrunklineError('PROTOCOL', 'OFFER on a stream that does not listen');
        return this.emit({ type: 'offer', offer: frame.offer });
      case 'REFUSE':
        return this.emit({ type: 'refuse', refuse: frame.refuse });
      default:
    }
  }

  private passData(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.fruitlessReopens = 0;
    this.emit({ type: 'data', bytes });
  }

  private receiveAccept(accept: Accept): void {
    (this.place as StreamPlace).stage = 'live';
    this.handshake.learn(accept, this.sending);
    this.sending.raiseCredit(accept.credit);
    this.emit({ type: 'opened', meta: accept.meta });
    this.place?.wake();
  }

  /** A relay that goes away takes nothing new: that costs a pause. */
  private isTurnedAwayBy(frame: StreamFrame): frame is StreamFrame & { type: 'RESET' } {
    const isRefusal = frame.type === 'RESET' && frame.error.code === 'GOING_AWAY';
    return isRefusal && this.phase === 'opening' && this.isInitiator && this.isResumable;
  }

  // ── carried on ───────────────────────────────────────────────────────────────────────────────────────────────────

  get isResumable(): boolean {
    return this.handshake.isResumable(this.phase);
  }

  private suspend(error: TrunklineError): void {
    this.place = undefined;
    this.lastWord.placeLost();
    if (this.phase === 'closed') return;
    if (this.phase === 'incoming' || !this.isResumable || !this.keeper.survives(error)) return this.fail(error);
    if (this.target.kind === 'listen' && this.sending.isDone) {
      // The relay has given the name up already, and only its own END is missing.
      this.depart();
      return this.emit({ type: 'closed' });
    }
    this.receiving.forgetPace();
    if (!this.isShownSuspended && !this.isClosed) {
      this.isShownSuspended = true;
      this.emit({ type: 'suspended', error });
    }
    this.keeper.suspended(this);
  }

  /** Believes a re-open, or says no to it; then goes on from what the other end holds. */
  private takeReopen(reopen: Reopen | undefined, credit: number, mayRepeat = false): Progress {
    const { continuation } = this.handshake;
    if (continuation === undefined || this.phase === 'closed') throw unknownStream();
    if (continuation.follow(reopen, credit, mayRepeat) && !this.isClosed) this.emit({ type: 'delivered' });
    return continuation.answer();
  }

  /** The answer to OPEN on a further attachment. */
  private receiveAnswer(frame: StreamFrame): void {
    if (frame.type === 'ACCEPT') return this.receiveAcceptAgain(frame.accept);
    if (frame.type === 'CLOSE' && this.lastWord.wasSaid) return this.depart();
    if (frame.type !== 'RESET') throw new TrunklineError('PROTOCOL', `${frame.type} before ACCEPT`);
    this.lastWord.answer(this.place);
    this.releasePlace();
    const error = TrunklineError.fromPayload(frame.error);
    // The offer that was accepted again is gone, and the client with it; it will ask again, if it lives.
    if (!this.isInitiator || this.handshake.mayAskAgain(error, this.phase)) this.keeper.suspended(this);
    // Of one that lingers, nothing is left at the other end: it knows that this one is over, and `fail` tells nobody.
    else this.fail(error);
  }

  private receiveAcceptAgain(accept: Accept): void {
    try {
      if (!this.lastWord.isReset && this.handshake.takeAnswer(accept, this.phase, this.sending))
        this.emit({ type: 'delivered' });
    } catch (error) {
      return this.rejectAnswer(error as TrunklineError);
    }
    if (!this.handshake.isKnown) this.handshake.learn(accept, this.sending);
    (this.place as StreamPlace).stage = 'live';
    this.goLive(accept.meta);
  }

  /** The stream is over, here and there. */
  private rejectAnswer(error: TrunklineError): void {
    (this.place as StreamPlace).stage = 'live';
    if (this.isLingering) {
      this.leavePlace();
      return this.depart();
    }
    this.reset(error);
    this.emit({ type: 'failed', error });
  }

  /** Both ends know where to go on. */
  private goLive(meta: Json): void {
    this.keeper.settled(this);
    if (this.isLingering) {
      this.lastWord.say(this.place);
      return this.keeper.lingers(this);
    }
    if (this.phase === 'opening') {
      this.move('receive ACCEPT');
      this.emit({ type: 'opened', meta });
    }
    if (this.isShownSuspended) {
      this.isShownSuspended = false;
      this.emit({ type: 'resumed' });
    }
    this.place?.wake();
    this.closeIfDone();
  }

  // ── frames out ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** @internal */
  drained(): void {
    this.emit({ type: 'drained' });
  }

  /** An END that came before our ACCEPT is acknowledged behind it (R47). */
  private acknowledgeEnd(): void {
    if (this.receiving.isDone && this.phase === 'open') this.place?.reply(encodeEndAck);
  }

  private openPlace(connection: ConnectionCore, stage: Stage, open: Open): StreamPlace {
    const place = new StreamPlace(connection, this, stage);
    place.open(open);
    this.place = place;
    return place;
  }

  private takePlace(connection: ConnectionCore, id: number): StreamPlace {
    this.place = new StreamPlace(connection, this, 'live');
    this.place.take(id);
    return this.place;
  }

  // ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────

  private closeIfDone(): void {
    if (this.phase !== 'open' || !this.sending.isDone || !this.receiving.isDone) return;
    this.move('both halves done');
    this.emit({ type: 'closed' });
    this.lastWord.say(this.place);
    this.keeper.lingers(this);
  }

  /** The other side has had its last word. */
  private answerLast(): void {
    this.lastWord.answer(this.place);
    this.depart();
  }

  /** Nothing is left of it here. */
  private depart(): void {
    this.phase = 'closed';
    this.sending.discard();
    this.releasePlace();
    this.keeper.gone(this);
  }

  private releasePlace(): void {
    this.place?.release();
    this.place = undefined;
  }

  private move(input: StreamInput): void {
    this.phase = nextPhase(this.phase, input);
  }

  private emit(event: StreamEvent): void {
    this.options.observer(this, event);
  }
}
