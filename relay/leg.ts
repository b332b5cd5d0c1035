import type { Attachment } from '../src/core/attachment.js';
import type { ConnectionCore } from '../src/core/connection.js';
import type { MessageWriter } from '../src/core/message-writer.js';
import {
  CREDIT_FRAME_BYTES,
  encodeAccept,
  encodeClose,
  encodeDetach,
  encodeEndAck,
  encodeReset,
  writeCredit,
} from '../src/protocol/encode.js';
import { type ErrorPayload, TrunklineError } from '../src/protocol/errors.js';
import type { Accept, Open, StreamFrame } from '../src/protocol/frames.js';
import type { Flow } from './flow.js';

/** What a leg says of itself; to the room of the broker where it waits, and to its splice afterwards. */
export interface LegOwner {
  /** The answer to an OPEN of the relay's own. */
  legAccepted(leg: Leg, accept: Accept): void;
  /** The peer gave its stream up. */
  legReset(leg: Leg, error: ErrorPayload): void;
  /** The peer gave this place of its stream up, and not the stream. */
  legDetached(leg: Leg, error: ErrorPayload): void;
  /** The peer has said its last frame. */
  legClosed(leg: Leg): void;
  /** The leg's connection is gone; the leg is closed. */
  legLost(leg: Leg, error: TrunklineError): void;
}

/**
 * early:   opened by the peer and not answered; what it sends already waits in `inbound`, which has no sink yet
 * silent:  the same for a stream that is carried on: before it is answered its peer cannot know where to go on
 * asked:   opened by the relay and not answered
 * joined:  everything passes
 * ending:  RESET was passed, one way or the other; only what ends the leg is heard
 * closed:  its id is free
 */
type LegState = 'early' | 'silent' | 'asked' | 'joined' | 'ending' | 'closed';

/**
 * The relay's end of a stream. `inbound` comes from this leg's peer, `outbound` goes to it; joined legs share the two,
 * crosswise.
 */
export class Leg implements Attachment {
  readonly passesPayloads = true;
  private state: LegState = 'closed';
  private partner: Leg | undefined;
  private streamId = 0;
  private wasOpenedHere = false;
  private hasSaidLast = false;

  constructor(
    readonly connection: ConnectionCore,
    readonly inbound: Flow,
    readonly outbound: Flow,
    private owner: LegOwner,
    /** How far a source may be ahead of this leg's connection, bytes. */
    private readonly ahead: () => number,
  ) {}

  get id(): number {
    return this.streamId;
  }

  /** How many bytes this leg's partner may be told to send before anything was passed on. */
  get aheadBytes(): number {
    return this.ahead();
  }

  /** Both directions have been acknowledged, end to end. */
  get isDone(): boolean {
    return this.inbound.isDone && this.outbound.isDone;
  }

  /** Its peer has had its last word, or is to have none but that. */
  get isSpent(): boolean {
    return this.hasSaidLast || this.state === 'ending';
  }

  /** Takes its place on the connection, under the id of the OPEN that asked for it. */
  attach(id: number, state: 'early' | 'silent'): void {
    this.streamId = id;
    this.state = state;
    this.connection.attach(id, this);
  }

  /** Asks the peer. @throws TrunklineError when its connection cannot take a stream */
  open(open: Open): void {
    this.streamId = this.connection.open(this, open);
    this.state = 'asked';
    this.wasOpenedHere = true;
  }

  /** From now on each leg feeds the other, once it is answered. */
  join(partner: Leg, owner: LegOwner): void {
    this.partner = partner;
    this.owner = owner;
  }

  /** Answers the peer's OPEN (or knows that the peer has answered ours) and lets flow what has queued. */
  accept(answer: Omit<Accept, 'credit'>): void {
    if (this.state === 'closed') return;
    this.state = 'joined';
    const { credit } = this.inbound.grant(this.aheadOfPartner());
    if (!this.wasOpenedHere) this.connection.reply(encodeAccept(this.streamId, { credit, ...answer }));
    this.wake();
  }

  /** The relay's own refusal: its answer is not waited for. */
  reset(error: ErrorPayload): void {
    if (this.state === 'closed') return;
    this.sayLast(encodeReset(this.streamId, error));
    this.close();
  }

  /** The peer's stream is not over, and has lost its other end here. */
  detachPeer(error: ErrorPayload): void {
    if (this.state === 'closed') return;
    this.sayLast(encodeDetach(this.streamId, error));
    this.close();
  }

  /** RESET of the other leg's peer, which waits for what this one says to it. */
  passReset(error: ErrorPayload): void {
    if (this.state !== 'closed') this.sayLast(encodeReset(this.streamId, error));
  }

  passClose(): void {
    if (this.state !== 'closed') this.sayLast(encodeClose(this.streamId));
  }

  /** Nothing flows any more, to or from this leg's peer. */
  deafen(): void {
    if (this.state === 'closed') return;
    this.state = 'ending';
    this.outbound.discard();
  }

  /** Something may have come into `outbound`. */
  wake(): void {
    if (this.outbound.sendableBytes(1) > 0) this.connection.dataReady(this);
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.outbound.discard();
    // Nobody else takes what came early.
    if (this.partner === undefined) this.inbound.discard();
    this.connection.release(this.streamId, this);
  }

  // ── Attachment ───────────────────────────────────────────────────────────────────────────────────────────────────

  receive(frame: StreamFrame): void {
    switch (frame.type) {
      case 'DATA':
        if (this.state !== 'joined' && !this.isHeard(frame.type)) return;
        this.inbound.receiveData(frame.payload, frame.exhausted);
        return this.partner?.wake();
      case 'END':
        if (this.state !== 'joined' && !this.isHeard(frame.type)) return;
        this.inbound.receiveEnd(frame.finalOffset);
        return this.partner?.wake();
      case 'CREDIT':
        if (this.state !== 'joined' && !this.isHeard(frame.type)) return;
        this.outbound.receiveCredit(frame.consumed, frame.credit);
        this.partner?.connection.creditDue(this.partner);
        return this.wake();
      case 'END_ACK':
        if (this.state !== 'joined' && !this.isHeard(frame.type)) return;
        this.outbound.receiveEndAck();
        return this.partner?.passEndAck();
      case 'RESET':
        this.hasSaidLast = true;
        return this.owner.legReset(this, frame.error);
      case 'DETACH':
        return this.owner.legDetached(this, frame.error);
      case 'CLOSE':
        this.hasSaidLast = true;
        return this.owner.legClosed(this);
      case 'ACCEPT':
        if (this.state === 'asked') return this.owner.legAccepted(this, frame.accept);
    }
    if (this.state !== 'ending') throw new TrunklineError('PROTOCOL', `${frame.type} has no place on this stream`);
  }

  limitsKnown(): void {}

  detach(error: TrunklineError): void {
    if (this.state === 'closed') return;
    this.close();
    this.owner.legLost(this, error);
  }

  writeCredit(target: Uint8Array, at: number): number {
    // RESET is always the last thing that is said of a flow.
    if (this.state !== 'joined') return 0;
    const { consumed, credit } = this.inbound.grant(this.aheadOfPartner());
    writeCredit(target, at, this.streamId, consumed, credit);
    return CREDIT_FRAME_BYTES;
  }

  sendableBytes(maxPayloadBytes: number): number {
    return this.outbound.sendableBytes(maxPayloadBytes);
  }

  copiedBytes(maxPayloadBytes: number): number {
    return this.outbound.copiedBytes(maxPayloadBytes);
  }

  writeData(message: MessageWriter, maxPayloadBytes: number): void {
    this.outbound.writeFrames(message, this.streamId, maxPayloadBytes);
    this.replenish();
  }

  // ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Who opened the stream is held responsible for the frames that end it. Of streams opened by the relay others are the
   * cause, who must not be able to end the connection of a peer that is slow to read: whoever opens bounds those.
   */
  private sayLast(frame: Uint8Array): void {
    if (this.wasOpenedHere) this.connection.send(frame);
    else this.connection.reply(frame);
  }

  /** Bytes have left for this leg's peer: its source may send on, where only this relay's own bound held it back. */
  private replenish(): void {
    if (this.partner && this.outbound.isGrantDue(this.ahead())) this.partner.connection.creditDue(this.partner);
  }

  private aheadOfPartner(): number {
    return this.partner?.ahead() ?? 0;
  }

  /** A leg that is not joined. @throws TrunklineError PROTOCOL for what cannot come before an answer (R38) */
  private isHeard(type: 'DATA' | 'END' | 'CREDIT' | 'END_ACK'): boolean {
    if (this.state === 'early' && (type === 'DATA' || type === 'END')) return true;
    if (this.state === 'ending') return false;
    throw new TrunklineError('PROTOCOL', `${type} before ACCEPT`);
  }

  /** Passed through and never made up here: it says that the far endpoint holds every byte (R83). */
  private passEndAck(): void {
    this.connection.reply(encodeEndAck(this.streamId));
  }
}
