/** So many bytes may wait to be acknowledged before the sender stops (R157). */
export const PORT_WINDOW_BYTES = 256 * 1024;
/** A quarter: acknowledging each message would cost as much as sending it (R156). */
const ACKNOWLEDGE_BYTES = PORT_WINDOW_BYTES / 4;

/**
 * A port takes whatever is posted and tells nothing of it, so both sides count: what was sent and what of it the other
 * side says to have taken; what has arrived and what of it was handed on here.
 */
export class PortCredit {
  private sentBytes = 0;
  private acknowledgedBytes = 0;
  private arrivedBytes = 0;
  private takenBytes = 0;
  private toldBytes = 0;
  private wasOverrun = false;

  get maySend(): boolean {
    return this.sentBytes - this.acknowledgedBytes < PORT_WINDOW_BYTES;
  }

  sent(bytes: number): void {
    this.sentBytes += bytes;
  }

  /** The other side has taken so much in all. False when that cannot be. */
  acknowledged(bytes: number): boolean {
    if (!Number.isSafeInteger(bytes) || bytes <= this.acknowledgedBytes || bytes > this.sentBytes) return false;
    this.acknowledgedBytes = bytes;
    return true;
  }

  /** False when the sender should have stopped before: but for its last message, which goes out at any time. */
  arrived(bytes: number): boolean {
    const isOverrun = this.arrivedBytes - this.toldBytes >= PORT_WINDOW_BYTES;
    if (isOverrun && this.wasOverrun) return false;
    this.wasOverrun = isOverrun;
    this.arrivedBytes += bytes;
    return true;
  }

  /** So much was handed on. Returns what is to be told of it, if anything. */
  taken(bytes: number): number | undefined {
    this.takenBytes += bytes;
    if (this.takenBytes - this.toldBytes < ACKNOWLEDGE_BYTES) return undefined;
    this.toldBytes = this.takenBytes;
    return this.takenBytes;
  }
}
