import type { Clock } from './clock.js';

/** One timer for a deadline that moves. Fires late by no more than the clock does. */
export class DeadlineTimer {
  private at = Number.POSITIVE_INFINITY;
  private cancelTimer: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  /**
   * Calls `due` then, or earlier: who is called too early only looks again, so that moving a deadline back, with every message,
   * costs nothing. Infinity: not at all.
   */
  arm(at: number, due: () => void): void {
    if (at === Number.POSITIVE_INFINITY) this.cancel();
    else if (this.at > at) this.set(at, due);
  }

  /** Calls `due` then, and nothing that was to be called before. */
  set(at: number, due: () => void): void {
    this.cancel();
    this.at = at;
    this.cancelTimer = this.clock.setTimer(at - this.clock.now(), () => {
      this.forget();
      due();
    });
  }

  cancel(): void {
    this.cancelTimer?.();
    this.forget();
  }

  private forget(): void {
    this.at = Number.POSITIVE_INFINITY;
    this.cancelTimer = undefined;
  }
}
