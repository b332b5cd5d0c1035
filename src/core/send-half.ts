import { HEADER_BYTES } from '../protocol/constants.js';
import { END_FRAME_BYTES, writeDataHeader, writeEnd } from '../protocol/encode.js';
import { TrunklineError } from '../protocol/errors.js';
import { ByteQueue } from './byte-queue.js';
import { copyOut } from './copy-out.js';

/**
 * open ──end()──> ending ──END sent──> ended ──END_ACK──> acknowledged
 *
 * `ending` still sends what is pending. Whatever is not named here cannot happen, or is a breach by the peer.
 */
export type SendState = 'open' | 'ending' | 'ended' | 'acknowledged';

/**
 * The sending direction of a stream at its endpoint.
 *
 *    consumed            sent           credit
 *   ────┼─── retained ────┼─── allowed ───┼──────> offsets
 *       └ the peer's application has       └ pending bytes beyond this wait
 *         read up to here
 *
 * Pending bytes are the application's own buffers and wait for their turn; the copy into a message is the only one, and
 * slices of that message are what is retained until the peer has consumed them: what a resume sends again.
 */
export class SendHalf {
  private state: SendState = 'open';
  private readonly pending = new ByteQueue();
  private readonly retained = new ByteQueue();
  private sentOffset = 0;
  private consumedOffset = 0;
  private creditOffset = 0;

  get current(): SendState {
    return this.state;
  }

  get pendingBytes(): number {
    return this.pending.length;
  }

  get retainedBytes(): number {
    return this.retained.length;
  }

  get isDone(): boolean {
    return this.state === 'acknowledged';
  }

  /** Takes a reference, not a copy: the caller leaves the bytes alone until they are no longer pending. */
  write(bytes: Uint8Array): void {
    this.pending.push(bytes);
  }

  end(): void {
    if (this.state === 'open') this.state = 'ending';
  }

  /** Credit from ACCEPT, or the early window: an absolute offset like every credit; a lower one is ignored (R52). */
  raiseCredit(credit: number): void {
    if (credit > this.creditOffset) this.creditOffset = credit;
  }

  /** @throws TrunklineError PROTOCOL when the peer claims to have consumed what was never sent */
  receiveCredit(consumed: number, credit: number): void {
    if (consumed > this.sentOffset) {
      throw new TrunklineError('PROTOCOL', `CREDIT: ${consumed} bytes consumed of ${this.sentOffset} sent`);
    }
    this.raiseCredit(credit);
    if (consumed <= this.consumedOffset || this.state === 'acknowledged') return;
    this.retained.drop(consumed - this.consumedOffset);
    this.consumedOffset = consumed;
  }

  /** END_ACK: the peer has everything. @throws TrunklineError PROTOCOL when no END was sent (R49) */
  receiveEndAck(): void {
    if (this.state !== 'ended') throw new TrunklineError('PROTOCOL', `END_ACK in state ${this.state}`);
    this.state = 'acknowledged';
    this.retained.clear();
  }

  sendableBytes(maxPayloadBytes: number): number {
    const payload = Math.min(this.allowedBytes(), maxPayloadBytes);
    const data = payload === 0 ? 0 : HEADER_BYTES + payload;
    return data + (this.state === 'ending' && payload === this.pending.length ? END_FRAME_BYTES : 0);
  }

  writeFrames(target: Uint8Array, at: number, id: number, maxPayloadBytes: number): number {
    const written = this.writeData(target, at, id, maxPayloadBytes);
    const end = at + written;
    if (this.state !== 'ending' || this.pending.length > 0 || target.length - end < END_FRAME_BYTES) return written;
    writeEnd(target, end, id, this.sentOffset);
    this.state = 'ended';
    return written + END_FRAME_BYTES;
  }

  discard(): void {
    this.pending.clear();
    this.retained.clear();
  }

  private allowedBytes(): number {
    return Math.min(this.pending.length, this.creditOffset - this.sentOffset);
  }

  private writeData(target: Uint8Array, at: number, id: number, maxPayloadBytes: number): number {
    const length = Math.min(this.allowedBytes(), maxPayloadBytes);
    if (length === 0) return 0;
    const start = at + HEADER_BYTES;
    this.pending.moveTo(target, start, length);
    this.sentOffset += length;
    writeDataHeader(target, at, id, length, this.sentOffset === this.creditOffset);
    this.retained.push(copyOut(target.subarray(start, start + length)));
    return HEADER_BYTES + length;
  }
}
