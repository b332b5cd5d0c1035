import { CREDIT_FRAME_BYTES, encodeDetach, writeCredit } from '../protocol/encode.js';
import type { TrunklineError } from '../protocol/errors.js';
import type { Open, StreamFrame } from '../protocol/frames.js';
import type { Limits } from '../protocol/limits.js';
import type { Attachment } from './attachment.js';
import type { ConnectionCore } from './connection.js';
import type { MessageWriter } from './message-writer.js';
import type { ReceiveHalf } from './receive-half.js';
import type { SendHalf } from './send-half.js';

/**
 * opening ──ACCEPT──> live      reopening ──ACCEPT──> live
 *
 * In `opening` early data may be sent; in `reopening` nothing, because where to go on is not known before the answer.
 */
export type Stage = 'opening' | 'reopening' | 'live';

/** What a place knows of the stream that it is of. */
export interface PlacedStream {
  readonly sending: SendHalf;
  readonly receiving: ReceiveHalf;
  /** Whether it has said what has to be said before bytes. */
  readonly maySend: boolean;
  receive(frame: StreamFrame, now: number): void;
  placeLost(error: TrunklineError): void;
  /** All that was written by reference has been copied. */
  drained(): void;
}

/**
 * A stream's place on one connection: (connection, id). It writes the stream's frames, and goes when the connection
 * does. A stream that has left it is not reached by what still arrives here.
 */
export class StreamPlace implements Attachment {
  /** The application's memory is the application's again: a stream's bytes are copied. */
  readonly passesPayloads = false;
  private number = 0;

  constructor(
    readonly connection: ConnectionCore,
    private readonly stream: PlacedStream,
    public stage: Stage,
  ) {}

  get id(): number {
    return this.number;
  }

  /** @throws TrunklineError when the connection cannot take it */
  open(open: Open): void {
    this.number = this.connection.open(this, open);
  }

  /** Under the id of an OPEN that has come. */
  take(id: number): void {
    this.number = id;
    this.connection.attach(id, this);
  }

  /** Queues a control frame that this side's application caused; `reply` one that the peer did. */
  send(encode: (id: number) => Uint8Array): void {
    this.connection.send(encode(this.number));
  }

  reply(encode: (id: number) => Uint8Array): void {
    this.connection.reply(encode(this.number));
  }

  /** The stream has something to send, or credit to give. */
  wake(): void {
    if (this.sendableBytes(1) > 0) this.connection.dataReady(this);
    if (this.mayGrant && this.stream.receiving.isGrantDue) this.connection.creditDue(this);
  }

  release(): void {
    this.connection.release(this.number, this);
  }

  /** Gives the id up, without a word of the stream itself: it goes on elsewhere, or there is nothing left to say. */
  leave(reason: string): void {
    this.send((id) => encodeDetach(id, { code: 'CONNECTION_LOST', reason }));
    this.release();
  }

  // ── Attachment ───────────────────────────────────────────────────────────────────────────────────────────────────

  receive(frame: StreamFrame, now: number): void {
    this.stream.receive(frame, now);
  }

  detach(error: TrunklineError): void {
    this.stream.placeLost(error);
  }

  limitsKnown(limits: Limits): void {
    if (this.stage !== 'opening') return;
    this.stream.sending.raiseCredit(limits.earlyWindowBytes);
    this.wake();
  }

  writeCredit(target: Uint8Array, at: number): number {
    const { receiving } = this.stream;
    if (!this.mayGrant || receiving.isDone) return 0;
    const { consumed, credit } = receiving.grant();
    writeCredit(target, at, this.number, consumed, credit);
    return CREDIT_FRAME_BYTES;
  }

  private get mayGrant(): boolean {
    return this.stage === 'live' && this.stream.maySend;
  }

  sendableBytes(maxPayloadBytes: number): number {
    const isReady = this.stage !== 'reopening' && this.stream.maySend;
    return isReady ? this.stream.sending.sendableBytes(maxPayloadBytes) : 0;
  }

  copiedBytes(maxPayloadBytes: number): number {
    return this.sendableBytes(maxPayloadBytes);
  }

  writeData(message: MessageWriter, maxPayloadBytes: number): void {
    const { sending } = this.stream;
    const hadBorrowed = sending.borrowedBytes > 0;
    sending.writeFrames(message, this.number, maxPayloadBytes);
    if (hadBorrowed && sending.borrowedBytes === 0) this.stream.drained();
  }
}
