import { HEADER_BYTES } from '../src/protocol/constants.js';
import { END_FRAME_BYTES, writeDataHeader, writeEnd } from '../src/protocol/encode.js';
import { TrunklineError } from '../src/protocol/errors.js';
import { readFlag, rewriteStreamId } from '../src/protocol/header.js';

/** From this size on a frame is passed on as it came, in a message of its own; smaller ones are worth gathering. */
const READY_FRAME_BYTES = 8 * 1024;

/**
 * open ──END came──> ending ──END passed on──> ended ──END_ACK came back──> acknowledged
 */
type FlowState = 'open' | 'ending' | 'ended' | 'acknowledged';

/**
 * One direction of a splice, from the leg that sends (source) to the leg that receives (sink).
 *
 *       consumed       passed on       received        granted
 *   ───────┼───────────────┼── queued ─────┼── may come ───┼────> offsets
 *
 * The source is held to what it was granted. It is granted what the sink's credit allows, but never more than `ahead`
 * bytes past what has left for the sink: that, and not the windows of the endpoints, bounds what lies here (DESIGN D10).
 */
export class Flow {
  private state: FlowState = 'open';
  private frames: (Uint8Array | undefined)[] = [];
  private head = 0;
  /** Payload bytes of the first frame that have been passed on already. */
  private headTaken = 0;
  private queuedBytes = 0;
  private receivedOffset = 0;
  private passedOffset = 0;
  private consumedOffset = 0;
  private sinkCredit = 0;
  private finalOffset = 0;

  /** `granted`: the early window, until the sink is known. */
  constructor(private granted: number) {}

  get isDone(): boolean {
    return this.state === 'acknowledged';
  }

  get queued(): number {
    return this.queuedBytes;
  }

  get received(): number {
    return this.receivedOffset;
  }

  // ── from the source ──────────────────────────────────────────────────────────────────────────────────────────────

  /** @throws TrunklineError FLOW_CONTROL past what was granted (R88), PROTOCOL after END */
  receiveData(frame: Uint8Array): void {
    if (this.state !== 'open') throw new TrunklineError('PROTOCOL', 'DATA after END');
    const length = frame.length - HEADER_BYTES;
    if (this.receivedOffset + length > this.granted) {
      throw new TrunklineError('FLOW_CONTROL', `${this.receivedOffset + length - this.granted} bytes past the credit`);
    }
    if (length === 0) return;
    this.receivedOffset += length;
    this.queuedBytes += length;
    this.frames.push(frame);
  }

  /** @throws TrunklineError PROTOCOL on a second END or a wrong count (R43, R44) */
  receiveEnd(finalOffset: number): void {
    if (this.state !== 'open') throw new TrunklineError('PROTOCOL', 'a second END');
    if (finalOffset !== this.receivedOffset) {
      throw new TrunklineError('PROTOCOL', `END at ${finalOffset} after ${this.receivedOffset} bytes`);
    }
    this.finalOffset = finalOffset;
    this.state = 'ending';
  }

  // ── from the sink ────────────────────────────────────────────────────────────────────────────────────────────────

  /** @throws TrunklineError PROTOCOL when it claims to have consumed what it was never sent (R53) */
  receiveCredit(consumed: number, credit: number): void {
    if (consumed > this.passedOffset) {
      throw new TrunklineError('PROTOCOL', `CREDIT: ${consumed} bytes consumed of ${this.passedOffset} sent`);
    }
    this.consumedOffset = Math.max(this.consumedOffset, consumed);
    this.sinkCredit = Math.max(this.sinkCredit, credit);
  }

  /** @throws TrunklineError PROTOCOL when no END was passed on (R49) */
  receiveEndAck(): void {
    if (this.state !== 'ended') throw new TrunklineError('PROTOCOL', `END_ACK while the direction is ${this.state}`);
    this.state = 'acknowledged';
  }

  // ── credit for the source ────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The source could be granted more, and it matters: it has used up what it had, or a quarter of `ahead` has come free.
   * Without the first, a source that only this relay holds back would wait for a sink that has nothing to consume.
   */
  isGrantDue(ahead: number): boolean {
    const more = this.grantable(ahead) - this.granted;
    if (this.state !== 'open' || more <= 0) return false;
    return this.receivedOffset === this.granted || more * 4 >= ahead;
  }

  grant(ahead: number): { consumed: number; credit: number } {
    this.granted = Math.max(this.granted, this.grantable(ahead));
    return { consumed: this.consumedOffset, credit: this.granted };
  }

  private grantable(ahead: number): number {
    return Math.min(this.sinkCredit, this.passedOffset + ahead);
  }

  // ── to the sink ──────────────────────────────────────────────────────────────────────────────────────────────────

  sendableBytes(maxPayloadBytes: number): number {
    const payload = Math.min(this.allowedBytes(), maxPayloadBytes);
    const data = payload === 0 ? 0 : HEADER_BYTES + payload;
    return data + (this.state === 'ending' && payload === this.queuedBytes ? END_FRAME_BYTES : 0);
  }

  /** Copies queued payloads, gathered into one DATA frame, and END behind the last byte. */
  writeFrames(target: Uint8Array, at: number, id: number, maxPayloadBytes: number): number {
    const written = this.writeData(target, at, id, Math.min(this.allowedBytes(), maxPayloadBytes));
    const end = at + written;
    if (this.state !== 'ending' || this.queuedBytes > 0 || target.length - end < END_FRAME_BYTES) return written;
    writeEnd(target, end, id, this.finalOffset);
    this.state = 'ended';
    return written + END_FRAME_BYTES;
  }

  hasReadyFrame(maxPayloadBytes: number): boolean {
    const frame = this.frames[this.head];
    if (frame === undefined || this.headTaken > 0 || frame.length < READY_FRAME_BYTES) return false;
    const length = frame.length - HEADER_BYTES;
    return length <= maxPayloadBytes && length <= this.allowedBytes();
  }

  /** The frame as it came, with its id rewritten in place. */
  takeReadyFrame(id: number): Uint8Array {
    const frame = this.frames[this.head] as Uint8Array;
    this.passed(frame.length - HEADER_BYTES);
    this.dropHead();
    rewriteStreamId(frame, 0, id);
    return frame;
  }

  discard(): void {
    this.frames = [];
    this.head = 0;
    this.queuedBytes = 0;
  }

  private allowedBytes(): number {
    return Math.min(this.queuedBytes, this.sinkCredit - this.passedOffset);
  }

  private writeData(target: Uint8Array, at: number, id: number, length: number): number {
    if (length <= 0) return 0;
    let position = at + HEADER_BYTES;
    const end = position + length;
    let exhausted = false;
    while (position < end) {
      const frame = this.frames[this.head] as Uint8Array;
      const from = HEADER_BYTES + this.headTaken;
      const taken = Math.min(frame.length - from, end - position);
      target.set(frame.subarray(from, from + taken), position);
      position += taken;
      this.headTaken += taken;
      if (from + taken < frame.length) break;
      exhausted ||= readFlag(frame, 0);
      this.dropHead();
    }
    this.passed(length);
    writeDataHeader(target, at, id, length, exhausted);
    return HEADER_BYTES + length;
  }

  private passed(length: number): void {
    this.passedOffset += length;
    this.queuedBytes -= length;
  }

  private dropHead(): void {
    this.frames[this.head++] = undefined;
    this.headTaken = 0;
    if (this.head === this.frames.length) {
      this.frames = [];
      this.head = 0;
    } else if (this.head > 256 && this.head * 2 > this.frames.length) {
      this.frames = this.frames.slice(this.head);
      this.head = 0;
    }
  }
}
