/** How much of something a peer may do: so much at once, and so much a second from then on. */
export interface Rate {
  perSecond: number;
  burst: number;
}

/** What is left of a rate: a bucket that holds `burst` at most and gains `perSecond` every second. */
export class RateBudget {
  private level: number;
  private at: number;

  constructor(
    private readonly rate: Readonly<Rate>,
    now: number,
  ) {
    this.level = rate.burst;
    this.at = now;
  }

  /** Takes it if there is enough. */
  take(cost: number, now: number): boolean {
    this.refill(now);
    if (this.level < cost) return false;
    this.level -= cost;
    return true;
  }

  /** How much could be taken. */
  left(now: number): number {
    this.refill(now);
    return this.level;
  }

  /** When there will be that much, if nothing is taken meanwhile. */
  readyAt(cost: number, now: number): number {
    this.refill(now);
    return now + (Math.max(0, cost - this.level) * 1000) / this.rate.perSecond;
  }

  /** There is no more than this. */
  lowerTo(level: number): void {
    this.level = Math.min(this.level, level);
  }

  private refill(now: number): void {
    if (now <= this.at) return;
    this.level = Math.min(this.rate.burst, this.level + ((now - this.at) * this.rate.perSecond) / 1000);
    this.at = now;
  }
}
