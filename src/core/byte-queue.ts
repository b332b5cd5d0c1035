/** Chunks in order, taken from the front in any sizes. Holds references, copies on `copyTo` only. */
export class ByteQueue {
  private chunks: (Uint8Array | undefined)[] = [];
  private head = 0;
  private bytes = 0;

  get length(): number {
    return this.bytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.chunks.push(chunk);
    this.bytes += chunk.length;
  }

  /** Moves exactly `count` bytes from the front into `target`. The caller knows that they are there. */
  moveTo(target: Uint8Array, at: number, count: number): void {
    let position = at;
    const end = at + count;
    while (position < end) {
      const chunk = this.chunks[this.head] as Uint8Array;
      const taken = Math.min(chunk.length, end - position);
      target.set(taken === chunk.length ? chunk : chunk.subarray(0, taken), position);
      this.drop(taken);
      position += taken;
    }
  }

  /** Forgets exactly `count` bytes from the front. */
  drop(count: number): void {
    this.bytes -= count;
    let left = count;
    while (left > 0) {
      const chunk = this.chunks[this.head] as Uint8Array;
      if (chunk.length > left) {
        this.chunks[this.head] = chunk.subarray(left);
        return;
      }
      left -= chunk.length;
      this.chunks[this.head++] = undefined;
    }
    this.compact();
  }

  clear(): void {
    this.chunks = [];
    this.head = 0;
    this.bytes = 0;
  }

  private compact(): void {
    if (this.head === this.chunks.length) {
      this.chunks = [];
      this.head = 0;
    } else if (this.head > 1024 && this.head * 2 > this.chunks.length) {
      this.chunks = this.chunks.slice(this.head);
      this.head = 0;
    }
  }
}
