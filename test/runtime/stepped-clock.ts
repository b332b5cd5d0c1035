import type { Clock } from '../../src/runtime/clock.js';

interface Timer {
  at: number;
  callback: () => void;
}

/** Time passes, and what is deferred is done, when the test says so. */
export class SteppedClock implements Clock {
  private time = 0;
  private readonly soon: (() => void)[] = [];
  private readonly timers = new Set<Timer>();

  now(): number {
    return this.time;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.time + Math.max(0, delayMs), callback };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  defer(callback: () => void): void {
    this.soon.push(callback);
  }

  yieldTurn(callback: () => void): void {
    this.soon.push(callback);
  }

  get timerCount(): number {
    return this.timers.size;
  }

  /** What is deferred, and what that defers. */
  run(): void {
    for (let callback = this.soon.shift(); callback; callback = this.soon.shift()) callback();
  }

  /** Lets time pass, with every timer that falls into it. */
  elapse(milliseconds: number): void {
    this.run();
    const end = this.time + milliseconds;
    for (let due = this.firstDue(end); due; due = this.firstDue(end)) {
      this.timers.delete(due);
      this.time = Math.max(this.time, due.at);
      due.callback();
      this.run();
    }
    this.time = end;
  }

  private firstDue(end: number): Timer | undefined {
    const [first] = [...this.timers].filter(({ at }) => at <= end).toSorted((left, right) => left.at - right.at);
    return first;
  }
}
