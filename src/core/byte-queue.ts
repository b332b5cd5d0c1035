import { Fifo } from './fifo.js';

/** Chunks in order, taken from the front in any sizes. Holds references; the one copy is made by `moveTo`. */
export class ByteQueue {
  private readonly chunks = new Fifo<Uint8Array>();
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
      const chunk = this.chunks.first as Uint8Array;
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
      const chunk = this.chunks.first as Uint8Array;
      if (chunk.length > left) return this.chunks.replaceFirst(chunk.subarray(left));
      left -= chunk.length;
      this.chunks.shift();
    }
  }

  /** Moves everything that `other` holds behind what is here. */
  append(other: ByteQueue): void {
    for (let chunk = other.chunks.shift(); chunk !== undefined; chunk = other.chunks.shift()) this.push(chunk);
    other.clear();
  }

  clear(): void {
    this.chunks.clear();
    this.bytes = 0;
  }
}
