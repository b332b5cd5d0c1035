import { TrunklineError } from '../protocol/errors.js';

export interface WindowOptions {
  /** Bytes a sender may be ahead of the reader at first. Default 256 KiB. */
  windowBytes: number;
  /** What the window may grow to while the reader keeps up and the sender runs out of credit. Default 4 MiB. */
  maxWindowBytes: number;
}

export const DEFAULT_WINDOW: Readonly<WindowOptions> = Object.freeze({
  windowBytes: 256 * 1024,
  maxWindowBytes: 4 * 1024 * 1024,
});

/** Credit is told again once the reader has consumed this share of the window: often enough that a sender does not stall. */
const GRANT_SHARE = 4;
/** A reader keeps up when less than this share of the window lies unread at the moment of granting. */
const KEEPS_UP_SHARE = 2;

/**
 * The receiving direction of a stream at its endpoint: how much may come, and when to say so.
 *
 *    consumed         received              credit = consumed + window
 *   ────┼──── unread ─────┼──── may come ────┼──────> offsets
 *
 * 1. Credit follows consumption, never arrival: a reader that stops stops its sender.
 * 2. DATA past the credit is a breach (R51).
 * 3. The window doubles when the sender said that it ran out of credit (R56) while the reader kept up: then the path is
 *    longer than the window. A slow reader never grows its window.
 */
export class ReceiveHalf {
  private receivedOffset = 0;
  private consumedOffset = 0;
  private grantedConsumed = 0;
  private senderRanOut = false;
  private ended = false;
  private windowBytes: number;

  /** `creditOffset` is what the sender has been told (or may assume: the early window). */
  constructor(
    private readonly options: WindowOptions,
    private creditOffset: number,
  ) {
    this.windowBytes = options.windowBytes;
  }

  get isDone(): boolean {
    return this.ended;
  }

  get unreadBytes(): number {
    return this.receivedOffset - this.consumedOffset;
  }

  /** The credit that OPEN or ACCEPT announces. */
  announce(): number {
    this.creditOffset = Math.max(this.creditOffset, this.consumedOffset + this.windowBytes);
    return this.creditOffset;
  }

  /** @throws TrunklineError FLOW_CONTROL past the credit, PROTOCOL after END */
  receiveData(length: number, exhausted: boolean): void {
    if (this.ended) throw new TrunklineError('PROTOCOL', 'DATA after END');
    if (this.receivedOffset + length > this.creditOffset) {
      throw new TrunklineError(
        'FLOW_CONTROL',
        `${this.receivedOffset + length - this.creditOffset} bytes past the credit`,
      );
    }
    this.receivedOffset += length;
    if (exhausted) this.senderRanOut = true;
  }

  /** @throws TrunklineError PROTOCOL on a second END, or one that does not count the bytes that came (R43, R44) */
  receiveEnd(finalOffset: number): void {
    if (this.ended) throw new TrunklineError('PROTOCOL', 'a second END');
    if (finalOffset !== this.receivedOffset) {
      throw new TrunklineError('PROTOCOL', `END at ${finalOffset} after ${this.receivedOffset} bytes`);
    }
    this.ended = true;
  }

  /** The application took `length` bytes. Returns true when that makes a CREDIT due. */
  consume(length: number): boolean {
    this.consumedOffset += length;
    // After END nobody waits for credit: END_ACK has told the sender that all is here.
    return !this.ended && (this.consumedOffset - this.grantedConsumed) * GRANT_SHARE >= this.windowBytes;
  }

  /** What the due CREDIT says. */
  grant(): { consumed: number; credit: number } {
    if (this.senderRanOut && this.unreadBytes * KEEPS_UP_SHARE <= this.windowBytes) {
      this.windowBytes = Math.min(this.windowBytes * 2, this.options.maxWindowBytes);
    }
    this.senderRanOut = false;
    this.grantedConsumed = this.consumedOffset;
    return { consumed: this.consumedOffset, credit: this.announce() };
  }
}
