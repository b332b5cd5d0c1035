import type { MessageWriter } from '../src/core/message-writer.js';
import { HEADER_BYTES } from '../src/protocol/constants.js';
import { END_FRAME_BYTES, writeDataHeader, writeEnd } from '../src/protocol/encode.js';
import { TrunklineError } from '../src/protocol/errors.js';
import type { Progress } from '../src/protocol/frames.js';
import type { MemoryBudget } from './memory-budget.js';
import { PayloadQueue } from './payload-queue.js';

/** What a queue takes besides its bytes while there are any: small ones are gathered in memory of this size. */
const QUEUE_BYTES = 8 * 1024;

/**
 * open ──END came──> ending ──END passed on──> ended ──END_ACK came back──> acknowledged
 * any but acknowledged ──a leg has ended──> discarded
 */
type FlowState = 'open' | 'ending' | 'ended' | 'acknowledged' | 'discarded';

/**
 * One direction of a splice, from the leg that sends (source) to the leg that receives (sink).
 *
 *       consumed       passed on       received        granted
 *   ───────┼───────────────┼── queued ─────┼── may come ───┼────> offsets
 *
 * The source is held to what it was granted. It is granted what the sink's credit allows, but never more than `ahead`
 * bytes past what has left for the sink: that, and not the windows of the endpoints, bounds what lies here (PROTOCOL.md section 9).
 */
export class Flow {
  private state: FlowState = 'open';
  private readonly queue = new PayloadQueue();
  private receivedOffset = 0;
  private passedOffset = 0;
  private consumedOffset = 0;
  private sinkCredit = 0;
  private finalOffset = 0;
  /** What lies before this was passed on in another place of the stream. */
  private startOffset = 0;
  /** The last grant was less than the sink would take. */
  private isGrantCut = false;
  /** Times that the source has used up what it was granted, while the sink would have taken more. */
  stallCount = 0;

  /** `granted`: the early window, until the sink is known. `memory`: where what lies here is counted. */
  constructor(
    private granted: number,
    private readonly memory?: Pick<MemoryBudget, 'add'>,
  ) {}

  get isDone(): boolean {
    return this.state === 'acknowledged';
  }

  get queued(): number {
    return this.queue.length;
  }

  /** Bytes that have left for the sink. */
  get passedBytes(): number {
    return this.passedOffset - this.startOffset;
  }

  /** Who holds the source back, if it has used up what it was granted: this relay, or the sink that takes no more. */
  get heldBackBy(): 'relay' | 'sink' | undefined {
    if (this.state !== 'open' || this.receivedOffset < this.granted) return undefined;
    return this.isGrantCut ? 'relay' : 'sink';
  }

  /** Both ends had the stream before: the sink says what it holds of it. Nothing has come yet. */
  startAt({ received, ended }: Pick<Progress, 'received' | 'ended'>): void {
    this.receivedOffset = received;
    this.passedOffset = received;
    this.startOffset = received;
    this.granted += received;
    // An endpoint's credit cannot be below what it has received; whatever is said, the offsets stay in order.
    this.sinkCredit = Math.max(this.sinkCredit, received);
    if (ended) this.state = 'acknowledged';
  }

  // ── from the source ──────────────────────────────────────────────────────────────────────────────────────────────

  /** @throws TrunklineError FLOW_CONTROL past what was granted (R88), PROTOCOL after END */
  receiveData(payload: Uint8Array, exhausted: boolean): void {
    if (this.state !== 'open') throw new TrunklineError('PROTOCOL', 'DATA after END');
    const { length } = payload;
    if (this.receivedOffset + length > this.granted) {
      throw new TrunklineError('FLOW_CONTROL', `${this.receivedOffset + length - this.granted} bytes past the credit`);
    }
    if (length === 0) return;
    const wasEmpty = this.queue.length === 0;
    this.queue.push(payload, exhausted);
    this.receivedOffset += length;
    if (this.heldBackBy === 'relay') this.stallCount++;
    this.memory?.add(wasEmpty ? length + QUEUE_BYTES : length);
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

  /** How far a CREDIT would move the further of the two offsets, bytes. */
  progressBy(consumed: number, credit: number): number {
    return Math.max(0, consumed - this.consumedOffset, credit - this.sinkCredit);
  }

  /** @throws TrunklineError PROTOCOL when no END was passed on (R49) */
  receiveEndAck(): void {
    if (this.state !== 'ended') throw new TrunklineError('PROTOCOL', `END_ACK while the direction is ${this.state}`);
    this.state = 'acknowledged';
  }

  // ── credit for the source ────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The source could be granted more, and it matters: it has used up what it had, or half of `ahead` has come free:
   * credit in smaller parts makes frames in smaller parts.
   * Without the first, a source that only this relay holds back would wait for a sink that has nothing to consume.
   */
  isGrantDue(ahead: number): boolean {
    const more = this.grantable(ahead) - this.granted;
    if (this.state !== 'open' || more <= 0) return false;
    return this.receivedOffset === this.granted || more * 2 >= ahead;
  }

  grant(ahead: number): { consumed: number; credit: number } {
    this.granted = Math.max(this.granted, this.grantable(ahead));
    this.isGrantCut = this.granted < this.sinkCredit;
    return { consumed: this.consumedOffset, credit: this.granted };
  }

  private grantable(ahead: number): number {
    return Math.min(this.sinkCredit, this.passedOffset + ahead);
  }

  // ── to the sink ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** One DATA frame's worth, and END behind the last byte. */
  sendableBytes(maxPayloadBytes: number): number {
    const { length } = this.nextRun(maxPayloadBytes);
    return (length === 0 ? 0 : HEADER_BYTES + length) + this.endBytes(length);
  }

  /** How many of these are copied. */
  copiedBytes(maxPayloadBytes: number): number {
    const { length, isByReference } = this.nextRun(maxPayloadBytes);
    if (length === 0) return this.endBytes(0);
    return HEADER_BYTES + (isByReference ? 0 : length) + this.endBytes(length);
  }

  writeFrames(message: MessageWriter, id: number, maxPayloadBytes: number): void {
    this.writeData(message, id, maxPayloadBytes);
    if (this.endBytes(0) === 0 || message.room < END_FRAME_BYTES) return;
    writeEnd(message.target, message.at, id, this.finalOffset);
    message.at += END_FRAME_BYTES;
    this.state = 'ended';
  }

  discard(): void {
    if (this.queue.length > 0) this.memory?.add(-this.queue.length - QUEUE_BYTES);
    this.queue.clear();
    if (this.state !== 'acknowledged') this.state = 'discarded';
  }

  private nextRun(maxPayloadBytes: number) {
    return this.queue.nextRun(Math.min(this.sinkCredit - this.passedOffset, maxPayloadBytes));
  }

  private writeData(message: MessageWriter, id: number, maxPayloadBytes: number): void {
    const run = this.nextRun(maxPayloadBytes);
    if (run.length === 0) return;
    const headerAt = message.at;
    message.at += HEADER_BYTES;
    const exhausted = this.queue.moveRun(message, run);
    this.passedOffset += run.length;
    this.memory?.add(this.queue.length === 0 ? -run.length - QUEUE_BYTES : -run.length);
    writeDataHeader(message.target, headerAt, id, run.length, exhausted);
  }

  /** Of the END that follows `length` bytes more. */
  private endBytes(length: number): number {
    return this.state === 'ending' && length === this.queue.length ? END_FRAME_BYTES : 0;
  }
}
