/** What is due at a time of its own, and when the next of it is. */
export class Deadlines<T extends { readonly deadline: number }> {
  private readonly all = new Set<T>();
  /** No later than the earliest deadline; may be early, because removals do not move it. */
  private earliest = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.all.size;
  }

  add(item: T): void {
    this.all.add(item);
    this.earliest = Math.min(this.earliest, item.deadline);
  }

  delete(item: T): boolean {
    const wasThere = this.all.delete(item);
    if (this.all.size === 0) this.earliest = Number.POSITIVE_INFINITY;
    return wasThere;
  }

  values(): T[] {
    return [...this.all];
  }

  next(): number {
    return this.earliest;
  }

  /** Those whose deadline has come. They are still to be deleted. */
  due(now: number): T[] {
    if (now < this.earliest) return [];
    const due: T[] = [];
    this.earliest = Number.POSITIVE_INFINITY;
    for (const item of this.all) {
      if (item.deadline <= now) due.push(item);
      else this.earliest = Math.min(this.earliest, item.deadline);
    }
    return due;
  }
}
