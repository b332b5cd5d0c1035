import { HEADER_BYTES } from '../protocol/constants.js';
import { END_FRAME_BYTES, writeDataHeader, writeEnd } from '../protocol/encode.js';
import { TrunklineError } from '../protocol/errors.js';
import { ByteQueue, type Holdable } from './byte-queue.js';
import { copyOut } from './copy-out.js';
import type { MessageWriter } from './message-writer.js';

/**
 * What is kept to be sent again, whatever credit a peer gives: else a reader that grants without end, and never says what
 * it has consumed, would fill this side's memory. Half of the largest window (PROTOCOL.md section 6), so that an honest
 * reader has said CREDIT before (R55).
 */
export const MAX_RETAINED_BYTES = 64 * 1024 * 1024;

/** So little is copied rather than let the application wait for it: what it writes next makes a full frame with it. */
const OWNED_REST_BYTES = 4 * 1024;
/** Only while more may leave than that: a writer whose reader has stopped is not asked for more. */
const CREDIT_TO_OWN_BYTES = 16 * 1024;

/**
 * open ──end()──> ending ──END sent──> ended ──END_ACK──> acknowledged
 *                    ^───── rewind ──────┘
 *
 * `ending` still sends what is pending. Whatever is not named here cannot happen, or is a breach by the peer.
 */
export type SendState = 'open' | 'ending' | 'ended' | 'acknowledged';

/**
 * The sending direction of a stream at its endpoint.
 *
 *    held             sent           credit
 *   ───┼── retained ────┼─── allowed ───┼──────> offsets
 *      └ the peer holds   └ pending bytes beyond this wait
 *        what is before
 *
 * Pending bytes are the application's own buffers and wait for their turn; the copy into a message is the only one, and
 * slices of that message are what is retained until the peer is known to hold them. After `rewind` they are sent again,
 * in front of what is pending.
 */
export class SendHalf {
  private state: SendState = 'open';
  private readonly pending = new ByteQueue();
  private retained = new ByteQueue();
  /** What was sent on an earlier attachment and is to be sent again. */
  private again = new ByteQueue();
  private sentOffset = 0;
  private heldOffset = 0;
  private creditOffset = 0;
  private retains = true;

  get current(): SendState {
    return this.state;
  }

  /** Bytes of the application that have not been copied into a message yet. */
  get pendingBytes(): number {
    return this.pending.length;
  }

  /** Of these the application's own memory still holds. */
  get borrowedBytes(): number {
    return this.pending.borrowedBytes;
  }

  get retainedBytes(): number {
    return this.retained.length + this.again.length;
  }

  get isDone(): boolean {
    return this.state === 'acknowledged';
  }

  /** Takes a reference, not a copy: the caller leaves the bytes alone until they are no longer pending. */
  write(bytes: Uint8Array): void {
    this.pending.push(bytes);
  }

  /** Copies a few bytes: the caller may use their memory again at once. */
  writeCopy(bytes: Uint8Array): void {
    this.pending.pushCopy(bytes);
  }

  end(): void {
    if (this.state === 'open') this.state = 'ending';
  }

  /** Credit from ACCEPT, or the early window: an absolute offset like every credit; a lower one is ignored (R52). */
  raiseCredit(credit: number): void {
    if (credit > this.creditOffset) this.creditOffset = credit;
  }

  /**
   * Returns true when the peer holds more than was known.
   * @throws TrunklineError PROTOCOL when the peer claims to have consumed what was never sent
   */
  receiveCredit(consumed: number, credit: number): boolean {
    if (consumed > this.sentOffset) {
      throw new TrunklineError('PROTOCOL', `CREDIT: ${consumed} bytes consumed of ${this.sentOffset} sent`);
    }
    this.raiseCredit(credit);
    return this.release(consumed);
  }

  /** END_ACK: the peer has everything. @throws TrunklineError PROTOCOL when no END was sent (R49) */
  receiveEndAck(): void {
    if (this.state !== 'ended') throw new TrunklineError('PROTOCOL', `END_ACK in state ${this.state}`);
    this.acknowledge();
  }

  // ── another attachment ───────────────────────────────────────────────────────────────────────────────────────────

  /** Whether the peer can hold this much: not more than was sent, and not less than it has said before. */
  canGoOnFrom(received: number, ended: boolean): boolean {
    if (ended) return received === this.sentOffset && (this.state === 'ended' || this.isDone);
    return received >= this.heldOffset && received <= this.sentOffset && !this.isDone;
  }

  /** A new attachment, whose peer holds this much: what it lacks is sent again, END included. `canGoOnFrom` said yes. */
  goOnFrom(received: number, ended: boolean, credit: number): void {
    this.release(received);
    this.retained.append(this.again);
    [this.retained, this.again] = [this.again, this.retained];
    this.sentOffset = received;
    // Set and not raised: what an earlier attachment was granted, this one may not have been.
    this.creditOffset = credit;
    if (ended) this.acknowledge();
    else if (this.state === 'ended') this.state = 'ending';
  }

  /** What is lost from now on is lost: this stream lives on one attachment. */
  stopRetaining(): void {
    this.retains = false;
    this.retained.clear();
  }

  // ── frames out ───────────────────────────────────────────────────────────────────────────────────────────────────

  sendableBytes(maxPayloadBytes: number): number {
    const payload = Math.min(this.allowedBytes(), maxPayloadBytes);
    const data = payload === 0 ? 0 : HEADER_BYTES + payload;
    return data + (this.state === 'ending' && payload === this.unsentBytes ? END_FRAME_BYTES : 0);
  }

  writeFrames(message: MessageWriter, id: number, maxPayloadBytes: number): void {
    this.writeData(message, id, maxPayloadBytes);
    if (this.state !== 'ending' || this.unsentBytes > 0 || message.room < END_FRAME_BYTES) return;
    writeEnd(message.target, message.at, id, this.sentOffset);
    message.at += END_FRAME_BYTES;
    this.state = 'ended';
  }

  /** Nothing more will be sent, neither again nor at all. */
  discard(): void {
    this.retains = false;
    this.pending.clear();
    this.retained.clear();
    this.again.clear();
  }

  private get unsentBytes(): number {
    return this.again.length + this.pending.length;
  }

  private allowedBytes(): number {
    const mayBeSent = this.retains
      ? Math.min(this.creditOffset, this.heldOffset + MAX_RETAINED_BYTES)
      : this.creditOffset;
    return Math.max(0, Math.min(this.unsentBytes, mayBeSent - this.sentOffset));
  }

  private writeData(message: MessageWriter, id: number, maxPayloadBytes: number): void {
    const length = Math.min(this.allowedBytes(), maxPayloadBytes);
    if (length === 0) return;
    const { target, at } = message;
    const start = at + HEADER_BYTES;
    const repeated = Math.min(length, this.again.length);
    this.again.moveTo(target, start, repeated);
    this.pending.moveTo(target, start + repeated, length - repeated);
    this.sentOffset += length;
    if (this.creditOffset - this.sentOffset >= CREDIT_TO_OWN_BYTES) this.pending.ownRest(OWNED_REST_BYTES);
    writeDataHeader(target, at, id, length, this.sentOffset === this.creditOffset);
    message.at = start + length;
    if (this.retains) this.retain(target.subarray(start, start + length), message.memory);
  }

  private retain(part: Uint8Array, memory: Holdable | undefined): void {
    const kept = copyOut(part);
    this.retained.push(kept, kept === part ? memory : undefined);
  }

  /** The peer holds everything up to `offset`. */
  private release(offset: number): boolean {
    if (offset <= this.heldOffset || this.isDone) return false;
    if (this.retains) this.retained.drop(offset - this.heldOffset);
    this.heldOffset = offset;
    return true;
  }

  private acknowledge(): void {
    this.state = 'acknowledged';
    this.retained.clear();
  }
}
