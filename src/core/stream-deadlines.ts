import { backoffMs } from './backoff.js';
import type { StreamCore } from './stream.js';
import { Suspensions } from './suspensions.js';

/** What an application has given up or finished waits so long for the other side's last word. */
const LINGER_MS = 30_000;
/** A re-open asks little of a relay: from this attempt on (up to 5 s) the pause grows no longer, far below any window. */
const MAX_REOPEN_ATTEMPT = 3;
/** Whoever kept its place for so long is not in a loop of losing it. */
const CALM_MS = 10_000;

/** Until when streams are waited for that have no place, or the other side's last word still to hear. */
export class StreamDeadlines {
  readonly suspensions = new Suspensions();
  /** In the order of their deadlines. */
  private readonly lingering = new Map<StreamCore, number>();
  private readonly settledAt = new WeakMap<StreamCore, number>();

  constructor(
    private readonly resumeWindowMs: number,
    private readonly random: () => number,
  ) {}

  get lingeringCount(): number {
    return this.lingering.size;
  }

  suspended(stream: StreamCore, now: number): void {
    this.lingering.delete(stream);
    const hadPlace = this.suspensions.deadlineOf(stream) === undefined;
    if (hadPlace && now - (this.settledAt.get(stream) ?? now) >= CALM_MS) stream.fruitlessReopens = 0;
    const delayMs = backoffMs(Math.min(stream.fruitlessReopens, MAX_REOPEN_ATTEMPT), this.random);
    this.suspensions.add(stream, now + this.resumeWindowMs, now + delayMs);
  }

  settled(stream: StreamCore, now: number): void {
    this.suspensions.remove(stream);
    this.settledAt.set(stream, now);
  }

  lingers(stream: StreamCore, now: number): void {
    // One that is suspended has its deadline there.
    if (this.suspensions.deadlineOf(stream) === undefined) this.lingering.set(stream, now + LINGER_MS);
  }

  remove(stream: StreamCore): void {
    this.suspensions.remove(stream);
    this.lingering.delete(stream);
  }

  next(): number {
    const [lingering] = this.lingering.values();
    return Math.min(this.suspensions.nextDeadline(), lingering ?? Number.POSITIVE_INFINITY);
  }

  expired(now: number): StreamCore[] {
    const expired = this.suspensions.expired(now);
    for (const [stream, deadline] of this.lingering) {
      if (deadline > now) break;
      expired.push(stream);
    }
    return expired;
  }
}
