/** Watches are told at once, and then nothing for so long. */
const INTERVAL_MS = 50;
/** Longer if that was much work, up to this. */
const MAX_INTERVAL_MS = 2000;
/** Names that are compared with a watch, or told to one. */
const STEPS_PER_MS = 50;

/**
 * Names that have come or gone since watches were told of any. What comes and goes again in between is never told, and who
 * makes names come and go fast, before many watches, makes all of them be told less often.
 */
export class NameChanges {
  private readonly names = new Set<string>();
  private readonly early = new Set<string>();
  private nextAt = Number.NEGATIVE_INFINITY;
  /** It is time to tell of these. Returns how many steps that took. */
  onSettle: (names: readonly string[]) => number = () => 0;

  has(name: string): boolean {
    return this.names.has(name);
  }

  values(): IterableIterator<string> {
    return this.names.values();
  }

  /** A name comes and goes in turns, so the second change undoes the first. */
  add(name: string): void {
    if (!this.names.delete(name)) this.names.add(name);
  }

  /** Somebody has been told before the others: of this one all are told, even if it changes back. */
  toldEarly(name: string): void {
    this.early.add(name);
  }

  /** Nobody is left to be told. */
  clear(): void {
    this.names.clear();
    this.early.clear();
  }

  nextDeadline(): number {
    return this.names.size + this.early.size > 0 ? this.nextAt : Number.POSITIVE_INFINITY;
  }

  advance(now: number): void {
    if (now < this.nextAt || this.names.size + this.early.size === 0) return;
    const names = [...new Set([...this.names, ...this.early])];
    this.clear();
    // Before anybody is told: a connection that is lost by that makes names go as well.
    this.nextAt = now + INTERVAL_MS;
    const steps = this.onSettle(names);
    this.nextAt = now + Math.min(Math.max(INTERVAL_MS, Math.ceil(steps / STEPS_PER_MS)), MAX_INTERVAL_MS);
  }
}
