import type { Attachment } from '../src/core/attachment.js';
import type { ConnectionCore } from '../src/core/connection.js';
import { CREDIT_FRAME_BYTES, encodeAccept, encodeEndAck, encodeReset, writeCredit } from '../src/protocol/encode.js';
import { type ErrorPayload, TrunklineError } from '../src/protocol/errors.js';
import type { StreamFrame } from '../src/protocol/frames.js';
import type { Json } from '../src/protocol/meta.js';
import type { Flow } from './flow.js';

/** What a leg says of itself; the broker while it is pending, its splice afterwards. */
export interface LegOwner {
  /** The peer gave its stream up. */
  legReset(leg: Leg, error: ErrorPayload): void;
  /** The leg's connection is gone. */
  legLost(leg: Leg, error: TrunklineError): void;
  /** Both directions are done, at both legs. */
  legsDone(): void;
}

/**
 * The relay's end of a stream. `inbound` comes from this leg's peer, `outbound` goes to it; joined legs share the two,
 * crosswise. A leg that is not joined yet queues early bytes in `inbound`, which has no sink.
 */
export class Leg implements Attachment {
  private isClosed = false;
  private partner: Leg | undefined;

  constructor(
    readonly connection: ConnectionCore,
    readonly id: number,
    readonly inbound: Flow,
    readonly outbound: Flow,
    private owner: LegOwner,
    /** How far a source may be ahead of this leg's connection, bytes. */
    private readonly ahead: () => number,
  ) {}

  /** Takes its place on the connection, under the id of the OPEN that asked for it. */
  attach(): void {
    this.connection.attach(this.id, this);
  }

  /** The splice: from now on each leg feeds the other. */
  join(partner: Leg, owner: LegOwner): void {
    this.partner = partner;
    this.owner = owner;
  }

  /** Answers the OPEN and lets flow what has queued. */
  accept(meta: Json): void {
    if (this.isClosed) return;
    const { credit } = this.inbound.grant(this.aheadOfPartner());
    this.connection.reply(encodeAccept(this.id, { credit, meta }));
    this.wake();
  }

  reset(error: ErrorPayload): void {
    if (this.isClosed) return;
    this.connection.reply(encodeReset(this.id, error));
    this.close();
  }

  /** Something may have come into `outbound`. */
  wake(): void {
    if (this.outbound.sendableBytes(1) > 0) this.connection.dataReady(this);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.outbound.discard();
    this.connection.release(this.id, this);
  }

  // ── Attachment ───────────────────────────────────────────────────────────────────────────────────────────────────

  receive(frame: StreamFrame): void {
    switch (frame.type) {
      case 'DATA':
        this.inbound.receiveData(frame.frame);
        return this.partner?.wake();
      case 'END':
        this.inbound.receiveEnd(frame.finalOffset);
        return this.partner?.wake();
      case 'RESET':
        this.close();
        return this.owner.legReset(this, frame.error);
      case 'CREDIT':
        this.requirePartner(frame.type);
        this.outbound.receiveCredit(frame.consumed, frame.credit);
        this.partner?.connection.creditDue(this.partner);
        return this.wake();
      case 'END_ACK':
        this.outbound.receiveEndAck();
        return this.passEndAck(this.requirePartner(frame.type));
      default:
        throw new TrunklineError('PROTOCOL', `${frame.type} from the opener of a stream`);
    }
  }

  limitsKnown(): void {}

  detach(error: TrunklineError): void {
    if (this.isClosed) return;
    this.close();
    this.owner.legLost(this, error);
  }

  writeCredit(target: Uint8Array, at: number): number {
    const { consumed, credit } = this.inbound.grant(this.aheadOfPartner());
    writeCredit(target, at, this.id, consumed, credit);
    return CREDIT_FRAME_BYTES;
  }

  sendableBytes(maxPayloadBytes: number): number {
    return this.outbound.sendableBytes(maxPayloadBytes);
  }

  writeData(target: Uint8Array, at: number, maxPayloadBytes: number): number {
    const written = this.outbound.writeFrames(target, at, this.id, maxPayloadBytes);
    this.replenish();
    return written;
  }

  hasReadyFrame(maxPayloadBytes: number): boolean {
    return this.outbound.hasReadyFrame(maxPayloadBytes);
  }

  takeReadyFrame(): Uint8Array {
    const frame = this.outbound.takeReadyFrame(this.id);
    this.replenish();
    return frame;
  }

  // ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Bytes have left for this leg's peer: its source may send on, where only this relay's own bound held it back. */
  private replenish(): void {
    if (this.partner && this.outbound.isGrantDue(this.ahead())) this.partner.connection.creditDue(this.partner);
  }

  private aheadOfPartner(): number {
    return this.partner?.ahead() ?? 0;
  }

  private requirePartner(frame: string): Leg {
    if (this.partner === undefined) throw new TrunklineError('PROTOCOL', `${frame} before ACCEPT`);
    return this.partner;
  }

  /** Passed through and never made up here: it says that the far endpoint holds every byte (R83). */
  private passEndAck(partner: Leg): void {
    partner.connection.reply(encodeEndAck(partner.id));
    if (!this.inbound.isDone || !this.outbound.isDone) return;
    this.close();
    partner.close();
    this.owner.legsDone();
  }
}
