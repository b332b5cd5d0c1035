/** Below this many dropped places compacting is not worth its copy. */
const COMPACT_FROM = 256;

/** First in, first out, in constant time: an array's own `shift` moves everything that is behind. */
export class Fifo<T extends object> {
  private items: (T | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  get first(): T | undefined {
    return this.items[this.head];
  }

  get last(): T | undefined {
    return this.items[this.items.length - 1];
  }

  /** `index` 0 is the first. */
  at(index: number): T | undefined {
    return this.items[this.head + index];
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** Puts what is left of the first item in its place. */
  replaceFirst(item: T): void {
    this.items[this.head] = item;
  }

  shift(): T | undefined {
    const item = this.items[this.head];
    if (item === undefined) return undefined;
    // What has left must not be kept alive by its old place.
    this.items[this.head++] = undefined;
    if (this.head === this.items.length) this.clear();
    else if (this.head > COMPACT_FROM && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  clear(): void {
    this.items = [];
    this.head = 0;
  }
}
