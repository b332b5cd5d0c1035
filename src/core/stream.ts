import {
  CREDIT_FRAME_BYTES,
  encodeAccept,
  encodeEndAck,
  encodeOffer,
  encodeRefuse,
  encodeReset,
  writeCredit,
} from '../protocol/encode.js';
import { type ErrorPayload, TrunklineError, toErrorPayload } from '../protocol/errors.js';
import type { Accept, Offer, Open, Refuse, StreamFrame, Target } from '../protocol/frames.js';
import type { Limits } from '../protocol/limits.js';
import type { Json } from '../protocol/meta.js';
import type { Attachment } from './attachment.js';
import type { ConnectionCore } from './connection.js';
import { ReceiveHalf, type WindowOptions } from './receive-half.js';
import { SendHalf } from './send-half.js';
import { nextPhase, type StreamInput, type StreamPhase } from './stream-state.js';

/** What happens to a stream, for whoever shows it to the application. */
export type StreamEvent =
  | { type: 'opened'; meta: Json }
  | { type: 'data'; bytes: Uint8Array }
  /** Every byte and END have come. */
  | { type: 'end' }
  /** What was written has left the application's buffers. */
  | { type: 'drained' }
  /** END_ACK: the far endpoint holds every byte. */
  | { type: 'delivered' }
  | { type: 'offer'; offer: Offer }
  | { type: 'refuse'; refuse: Refuse }
  /** The last event of a stream that failed; the other last event is `closed`. */
  | { type: 'failed'; error: TrunklineError }
  /** Both directions are done. */
  | { type: 'closed' };

export type StreamObserver = (stream: StreamCore, event: StreamEvent) => void;

export interface StreamOptions {
  uid: string;
  target: Target;
  /** What this side says of itself in OPEN or ACCEPT. */
  meta: Json;
  window: WindowOptions;
  observer: StreamObserver;
}

/**
 * A stream at its endpoint: two halves and a phase. It belongs to no connection; `openOn` or `placeOn` gives it a place on one.
 */
export class StreamCore implements Attachment {
  readonly uid: string;
  readonly target: Target;
  private phase: StreamPhase = 'new';
  private readonly sending = new SendHalf();
  private readonly receiving: ReceiveHalf;
  private place: { connection: ConnectionCore; id: number } | undefined;

  constructor(
    private readonly options: StreamOptions,
    earlyWindowBytes = 0,
  ) {
    this.uid = options.uid;
    this.target = options.target;
    this.receiving = new ReceiveHalf(options.window, earlyWindowBytes);
  }

  get isClosed(): boolean {
    return this.phase === 'closed';
  }

  get currentPhase(): StreamPhase {
    return this.phase;
  }

  /** Bytes written and not yet copied into a message. */
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

  // ── a place on a connection ──────────────────────────────────────────────────────────────────────────────────────

  /** Opener: sends OPEN. @throws TrunklineError when the connection cannot take it */
  openOn(connection: ConnectionCore): void {
    const { uid, target, meta } = this.options;
    const open: Open = { uid, credit: this.receiving.announce(), meta, target };
    const id = connection.open(this, open);
    this.move('send OPEN');
    this.place = { connection, id };
    if (connection.isOpen) this.limitsKnown(connection.peerLimits);
    this.sendPending();
  }

  /** Acceptor: takes its place under the id of the received OPEN; `accept` answers. */
  placeOn(connection: ConnectionCore, id: number, open: Open): void {
    this.move('receive OPEN');
    this.sending.raiseCredit(open.credit);
    this.place = { connection, id };
    connection.attach(id, this);
  }

  limitsKnown(limits: Limits): void {
    if (this.phase !== 'opening') return;
    this.sending.raiseCredit(limits.earlyWindowBytes);
    this.sendPending();
  }

  detach(error: TrunklineError): void {
    this.place = undefined;
    this.fail(error.clone());
  }

  // ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────

  accept(): void {
    if (this.isClosed) return;
    this.move('send ACCEPT');
    this.transmit((id) => encodeAccept(id, { credit: this.receiving.announce(), meta: this.options.meta }));
    this.acknowledgeEnd();
    this.sendPending();
  }

  /** The bytes stay the caller's until `drained`. */
  write(bytes: Uint8Array): void {
    if (this.isClosed) return;
    this.sending.write(bytes);
    this.sendPending();
  }

  end(): void {
    if (this.isClosed) return;
    this.sending.end();
    this.sendPending();
  }

  /** The application has taken `length` bytes. */
  consume(length: number): void {
    if (this.receiving.consume(length) && this.phase === 'open') this.place?.connection.creditDue(this);
  }

  /** Gives the stream up; the other side is told why. Nothing more is heard of it here. */
  reset(error: unknown): void {
    if (this.isClosed) return;
    const payload = toErrorPayload(error);
    this.move('send RESET');
    this.transmit((id) => encodeReset(id, payload));
    this.leave();
  }

  offer(offer: Offer): void {
    this.transmit((id) => encodeOffer(id, offer));
  }

  refuse(offerId: string, error: ErrorPayload): void {
    this.transmit((id) => encodeRefuse(id, { id: offerId, ...error }));
  }

  /** The stream fails without a word to the other side: there is no way to reach it. */
  fail(error: TrunklineError): void {
    if (this.isClosed) return;
    this.phase = 'closed';
    this.leave();
    this.emit({ type: 'failed', error });
  }

  // ── frames in ────────────────────────────────────────────────────────────────────────────────────────────────────

  receive(frame: StreamFrame, now: number): void {
    this.move(`receive ${frame.type}`);
    switch (frame.type) {
      case 'ACCEPT':
        return this.receiveAccept(frame.accept);
      case 'RESET':
        this.leave();
        return this.emit({ type: 'failed', error: TrunklineError.fromPayload(frame.error) });
      case 'DATA':
        if (this.target.kind === 'listen') throw new TrunklineError('PROTOCOL', 'DATA on a listen stream');
        this.receiving.receiveData(frame.payload.length, frame.exhausted, now);
        if (frame.payload.length > 0) this.emit({ type: 'data', bytes: frame.payload });
        return;
      case 'CREDIT':
        this.sending.receiveCredit(frame.consumed, frame.credit);
        return this.sendPending();
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
    }
  }

  private receiveAccept(accept: Accept): void {
    this.sending.raiseCredit(accept.credit);
    this.emit({ type: 'opened', meta: accept.meta });
    this.sendPending();
  }

  // ── frames out, asked for by the scheduler ───────────────────────────────────────────────────────────────────────

  writeCredit(target: Uint8Array, at: number): number {
    if (this.place === undefined || this.receiving.isDone) return 0;
    const { consumed, credit } = this.receiving.grant();
    writeCredit(target, at, this.place.id, consumed, credit);
    return CREDIT_FRAME_BYTES;
  }

  sendableBytes(maxPayloadBytes: number): number {
    return this.maySend() ? this.sending.sendableBytes(maxPayloadBytes) : 0;
  }

  writeData(target: Uint8Array, at: number, maxPayloadBytes: number): number {
    if (this.place === undefined) return 0;
    const hadPending = this.sending.pendingBytes > 0;
    const written = this.sending.writeFrames(target, at, this.place.id, maxPayloadBytes);
    if (hadPending && this.sending.pendingBytes === 0) this.emit({ type: 'drained' });
    return written;
  }

  hasReadyFrame(): boolean {
    return false;
  }

  takeReadyFrame(): Uint8Array {
    throw new TrunklineError('INTERNAL', 'an endpoint has no ready frames');
  }

  /** An acceptor sends nothing before its ACCEPT (R38). */
  private maySend(): boolean {
    return this.place !== undefined && (this.phase === 'opening' || this.phase === 'open');
  }

  private sendPending(): void {
    if (this.sendableBytes(1) > 0) this.place?.connection.dataReady(this);
  }

  /** An END that came before our ACCEPT is acknowledged behind it (R47). */
  private acknowledgeEnd(): void {
    if (!this.receiving.isDone || this.phase !== 'open' || this.place === undefined) return;
    this.place.connection.reply(encodeEndAck(this.place.id));
  }

  private transmit(encode: (id: number) => Uint8Array): void {
    if (this.place !== undefined) this.place.connection.send(encode(this.place.id));
  }

  private closeIfDone(): void {
    if (!this.sending.isDone || !this.receiving.isDone) return;
    this.move('both halves done');
    this.leave();
    this.emit({ type: 'closed' });
  }

  private leave(): void {
    this.sending.discard();
    this.place?.connection.release(this.place.id, this);
    this.place = undefined;
  }

  private move(input: StreamInput): void {
    this.phase = nextPhase(this.phase, input);
  }

  private emit(event: StreamEvent): void {
    this.options.observer(this, event);
  }
}
