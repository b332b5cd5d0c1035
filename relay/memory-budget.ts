/** From here on, of the budget, sources are granted less and less. */
const SHRINK_SHARE = 0.5;
/** From here on no new tunnel is taken. */
const REFUSE_SHARE = 0.9;
/** What is known by asking everybody is asked for no more often than this. */
const SAMPLE_MS = 250;
/** A source that may send nothing would never learn that it may again. */
const LEAST_SHARE_BYTES = 1024;

/**
 * What this relay holds for its peers, and what it does about it:
 *
 *   0 ── grants as usual ── half ── smaller grants ── 90 % ── no new tunnels ── all of it ── who takes least of it is cut
 *
 * Payload is counted by the frame, by one addition; what waits elsewhere is asked for now and then.
 */
export class MemoryBudget {
  private countedBytes = 0;
  private sampledBytes = 0;
  private sampledAt = Number.NEGATIVE_INFINITY;
  /** More is held than there may be; called with every byte more, until that is over. */
  onOverflow: () => void = () => {};

  constructor(
    private readonly budgetBytes: number,
    private readonly now: () => number,
    private readonly sample: () => number = () => 0,
  ) {}

  /** Bytes; fewer when negative. */
  add(bytes: number): void {
    this.countedBytes += bytes;
    if (bytes > 0 && this.countedBytes + this.sampledBytes > this.budgetBytes) this.onOverflow();
  }

  /** All of it, as far as it is known. */
  get heldBytes(): number {
    const now = this.now();
    if (now - this.sampledAt >= SAMPLE_MS) {
      this.sampledAt = now;
      this.sampledBytes = this.sample();
    }
    return this.countedBytes + this.sampledBytes;
  }

  get isOver(): boolean {
    return this.heldBytes > this.budgetBytes;
  }

  get takesTunnels(): boolean {
    return this.heldBytes < this.budgetBytes * REFUSE_SHARE;
  }

  /** Of what a source would be granted otherwise. */
  shareOf(bytes: number): number {
    const free = 1 - this.heldBytes / this.budgetBytes;
    if (free >= 1 - SHRINK_SHARE) return bytes;
    const share = Math.floor((bytes * Math.max(0, free)) / (1 - SHRINK_SHARE));
    return Math.min(bytes, Math.max(share, LEAST_SHARE_BYTES));
  }
}
