import type { StreamCore } from './stream.js';

interface Suspension {
  /** When it is given up. */
  deadline: number;
  /** Of our own: not opened again before. */
  retryAt: number;
}

/**
 * Streams that have lost their place, and until when they may be so. The deadlines rise in the order of entry. Those that
 * this side opened it opens again; for the others it can only wait.
 */
export class Suspensions {
  private readonly own = new Map<StreamCore, Suspension>();
  private readonly others = new Map<StreamCore, Suspension>();

  get size(): number {
    return this.own.size + this.others.size;
  }

  get othersCount(): number {
    return this.others.size;
  }

  /** Of our own those that have no id on a connection: one that is being opened again has. */
  get withoutPlaceCount(): number {
    let count = 0;
    for (const stream of this.own.keys()) if (stream.isSuspended) count++;
    return count;
  }

  /** A stream that fails to get a place keeps its deadline. */
  add(stream: StreamCore, deadline: number, retryAt: number): void {
    const entries = this.entriesOf(stream);
    const known = entries.get(stream);
    if (known) known.retryAt = retryAt;
    else entries.set(stream, { deadline, retryAt });
  }

  /** There is a new connection: nobody has to wait any longer. */
  retryAll(now: number): void {
    for (const entry of this.own.values()) entry.retryAt = Math.min(entry.retryAt, now);
  }

  remove(stream: StreamCore): void {
    this.entriesOf(stream).delete(stream);
  }

  deadlineOf(stream: StreamCore): number | undefined {
    return this.entriesOf(stream).get(stream)?.deadline;
  }

  /** Of our own the one that its application has finished with, and that was lost first. */
  ownLingering(): StreamCore | undefined {
    for (const stream of this.own.keys()) if (stream.isLingering) return stream;
    return undefined;
  }

  /** Of the others' the one that is over for its application, else the one that has been waited for longest. */
  leastMissed(): StreamCore | undefined {
    for (const stream of this.others.keys()) if (stream.isLingering) return stream;
    for (const stream of this.others.keys()) return stream;
    return undefined;
  }

  expired(now: number): StreamCore[] {
    return [...expiredOf(this.own, now), ...expiredOf(this.others, now)];
  }

  nextDeadline(): number {
    return Math.min(firstDeadline(this.own), firstDeadline(this.others));
  }

  /** Our own that are to be opened again by now. */
  due(now: number): StreamCore[] {
    const due: StreamCore[] = [];
    for (const [stream, { retryAt }] of this.own) if (stream.isSuspended && retryAt <= now) due.push(stream);
    return due;
  }

  nextRetry(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const [stream, { retryAt }] of this.own) if (stream.isSuspended) earliest = Math.min(earliest, retryAt);
    return earliest;
  }

  private entriesOf(stream: StreamCore): Map<StreamCore, Suspension> {
    return stream.isInitiator ? this.own : this.others;
  }
}

function expiredOf(entries: Map<StreamCore, Suspension>, now: number): StreamCore[] {
  const expired: StreamCore[] = [];
  for (const [stream, { deadline }] of entries) {
    if (deadline > now) break;
    expired.push(stream);
  }
  return expired;
}

function firstDeadline(entries: Map<StreamCore, Suspension>): number {
  for (const { deadline } of entries.values()) return deadline;
  return Number.POSITIVE_INFINITY;
}
