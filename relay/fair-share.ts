/** Who has how much of what is scarce, by where it comes from: whoever has most gives way to those who have less. */
export class FairShare<Item> {
  private readonly bySource = new Map<unknown, Set<Item>>();

  add(source: unknown, item: Item): void {
    const items = this.bySource.get(source);
    if (items) items.add(item);
    else this.bySource.set(source, new Set([item]));
  }

  delete(source: unknown, item: Item): void {
    const items = this.bySource.get(source);
    items?.delete(item);
    if (items?.size === 0) this.bySource.delete(source);
  }

  /** What gives way to one more from there: the last of the source that has most, if the newcomer's would have less. */
  rivalOf(newcomer: unknown): Item | undefined {
    let most: Iterable<Item> = [];
    let count = (this.bySource.get(newcomer)?.size ?? 0) + 1;
    for (const items of this.bySource.values()) {
      if (items.size <= count) continue;
      count = items.size;
      most = items;
    }
    return [...most].at(-1);
  }
}
