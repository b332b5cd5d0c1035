import type { TunnelMode } from '../protocol/frames.js';

/**
 * When a tunnel that carries nothing is over: after its only stream, where it is for one; else once it has carried nothing
 * for the idle timeout, if it has one.
 */
export class UnusedDeadline {
  private at = Number.POSITIVE_INFINITY;
  private wasUsed = false;

  constructor(
    private readonly mode: TunnelMode,
    /** Milliseconds; 0: never. */
    private readonly idleTimeoutMs: number,
  ) {}

  /** It takes no further stream. */
  get isUsedUp(): boolean {
    return this.mode === 'stream' && this.wasUsed;
  }

  used(): void {
    this.wasUsed = true;
    this.at = Number.POSITIVE_INFINITY;
  }

  /** It carries nothing, from now on or for longer. Before it has been open, that is nothing to be idle with. */
  unused(now: number, hasBeenOpen: boolean): void {
    if (this.isUsedUp) this.at = now;
    else if (this.idleTimeoutMs > 0 && hasBeenOpen) this.at = Math.min(this.at, now + this.idleTimeoutMs);
  }

  next(): number {
    return this.at;
  }

  /** Why it is over by now, if it is. */
  reason(now: number): string | undefined {
    if (this.at > now) return undefined;
    return this.isUsedUp ? 'its only stream is over' : `it carried no stream for ${this.idleTimeoutMs} ms`;
  }
}
