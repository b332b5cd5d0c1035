import { TrunklineError } from '../protocol/errors.js';

export interface WindowOptions {
  /** Bytes a sender may be ahead of the reader at first. Default 256 KiB. */
  windowBytes: number;
  /** What the window may grow to while the reader keeps up and the sender stalls for credit. Default 4 MiB. */
  maxWindowBytes: number;
}

export const DEFAULT_WINDOW: Readonly<WindowOptions> = Object.freeze({
  windowBytes: 256 * 1024,
  maxWindowBytes: 4 * 1024 * 1024,
});

/**
 * Credit is told again once the reader has consumed this share of the window: often enough that a sender does not stall.
 * Twice as often as a quarter gained a bulk stream a fifth more (`npm run bench`).
 */
const GRANT_SHARE = 8;
/** A reader keeps up when less than this share of the window lies unread at the moment of granting. */
const KEEPS_UP_SHARE = 2;
/** A sender stalls when nothing comes for more than this share of the time that its credit lasted. */
const STALL_SHARE = 4;
/**
 * What a path within one machine or building can use. A larger window gains it nothing and makes everything that shares
 * the tunnel wait behind it: with 4 MiB a ping beside a bulk stream took four times as long as with 1 MiB.
 */
const SHORT_PATH_WINDOW_BYTES = 1024 * 1024;
/** Past that it takes several stalls in a row that were longer than any such path: shorter ones are a busy machine's. */
const LONG_STALL_MS = 2;
const LONG_STALLS = 4;

/**
 * The receiving direction of a stream at its endpoint: how much may come, and when to say so.
 *
 *    consumed         received              credit = consumed + window
 *   ────┼──── unread ─────┼──── may come ────┼──────> offsets
 *
 * 1. Credit follows consumption, never arrival: a reader that stops stops its sender.
 * 2. DATA past the credit is a breach (R51).
 * 3. The window doubles when the sender stalled for credit while the reader kept up: then the path is longer than the
 *    window. It stalled when its last byte of credit came (R56), and then nothing for a good part of the time that the
 *    credit had lasted. A sender that only says "exhausted" while its bytes keep coming has queues in its way, which a
 *    larger window would make longer and not faster; and a slow reader never grows its window.
 * 4. Past 1 MiB it takes more: see `SHORT_PATH_WINDOW_BYTES`.
 */
export class ReceiveHalf {
  private receivedOffset = 0;
  private consumedOffset = 0;
  private grantedConsumed = 0;
  private senderStalled = false;
  /** Since when bytes have been coming without a stall, and when the last byte of credit came. */
  private flowingSince: number | undefined;
  private exhaustedAt: number | undefined;
  /** Stalls in a row that only a long path explains. */
  private longStalls = 0;
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

  /** Bytes that have come, in order. */
  get received(): number {
    return this.receivedOffset;
  }

  get unreadBytes(): number {
    return this.receivedOffset - this.consumedOffset;
  }

  /** The credit that OPEN or ACCEPT announces. */
  announce(): number {
    this.creditOffset = Math.max(this.creditOffset, this.consumedOffset + this.windowBytes);
    return this.creditOffset;
  }

  /** Another attachment: the time between the two says nothing of the path. */
  forgetPace(): void {
    this.flowingSince = undefined;
    this.exhaustedAt = undefined;
    this.senderStalled = false;
  }

  /** @throws TrunklineError FLOW_CONTROL past the credit, PROTOCOL after END */
  receiveData(length: number, exhausted: boolean, now: number): void {
    if (this.ended) throw new TrunklineError('PROTOCOL', 'DATA after END');
    if (this.receivedOffset + length > this.creditOffset) {
      throw new TrunklineError(
        'FLOW_CONTROL',
        `${this.receivedOffset + length - this.creditOffset} bytes past the credit`,
      );
    }
    this.watchForStall(exhausted, now);
    this.receivedOffset += length;
  }

  private watchForStall(exhausted: boolean, now: number): void {
    this.flowingSince ??= now;
    if (this.exhaustedAt !== undefined) {
      this.judgeSilence(now - this.exhaustedAt, this.exhaustedAt - this.flowingSince);
      this.exhaustedAt = undefined;
      this.flowingSince = now;
    }
    if (exhausted && this.keepsUp) this.exhaustedAt = now;
  }

  private judgeSilence(silenceMs: number, flowedMs: number): void {
    if (silenceMs * STALL_SHARE <= flowedMs) return;
    this.senderStalled = true;
    this.longStalls = silenceMs >= LONG_STALL_MS ? this.longStalls + 1 : 0;
  }

  private get mayGrow(): boolean {
    return this.windowBytes < SHORT_PATH_WINDOW_BYTES || this.longStalls >= LONG_STALLS;
  }

  private get keepsUp(): boolean {
    return this.unreadBytes * KEEPS_UP_SHARE <= this.windowBytes;
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
    return this.isGrantDue;
  }

  /** After END nobody waits for credit: END_ACK has told the sender that all is here. */
  get isGrantDue(): boolean {
    return !this.ended && (this.consumedOffset - this.grantedConsumed) * GRANT_SHARE >= this.windowBytes;
  }

  /** What the due CREDIT says. */
  grant(): { consumed: number; credit: number } {
    if (this.senderStalled && this.keepsUp && this.mayGrow) {
      this.windowBytes = Math.min(this.windowBytes * 2, this.options.maxWindowBytes);
      this.longStalls = 0;
    }
    this.senderStalled = false;
    this.grantedConsumed = this.consumedOffset;
    return { consumed: this.consumedOffset, credit: this.announce() };
  }
}
