import { Fifo } from './fifo.js';

/** Whose memory a chunk lies in; told once the chunk is done with. */
export interface Holdable {
  hold(): void;
  release(): void;
}

interface Chunk {
  bytes: Uint8Array;
  memory: Holdable | undefined;
  /** Bytes behind `bytes`, in the same memory, that more can be copied to. */
  roomBytes: number;
}

/** Memory for a few copied chunks together: an object for each byte would outweigh the bytes. */
const GATHER_BYTES = 4 * 1024;

/** Chunks in order, taken from the front in any sizes. Holds references; the one copy is made by `moveTo`. */
export class ByteQueue {
  private readonly chunks = new Fifo<Chunk>();
  private bytes = 0;

  get length(): number {
    return this.bytes;
  }

  /** `memory` is held until the chunk has left. */
  push(bytes: Uint8Array, memory?: Holdable): void {
    if (bytes.length === 0) return;
    memory?.hold();
    this.chunks.push({ bytes, memory, roomBytes: 0 });
    this.bytes += bytes.length;
  }

  /** Copies `bytes`, which are few, so that their memory is the caller's again. */
  pushCopy(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    let chunk = this.chunks.last;
    if (chunk === undefined || chunk.roomBytes < bytes.length) {
      // A lone one is likely to stay alone.
      const gathered = this.bytes === 0 ? bytes.length : Math.max(bytes.length, GATHER_BYTES);
      chunk = { bytes: new Uint8Array(gathered).subarray(0, 0), memory: undefined, roomBytes: gathered };
      this.chunks.push(chunk);
    }
    const { buffer, byteOffset, length } = chunk.bytes;
    chunk.bytes = new Uint8Array(buffer, byteOffset, length + bytes.length);
    chunk.bytes.set(bytes, length);
    chunk.roomBytes -= bytes.length;
    this.bytes += bytes.length;
  }

  /** Moves exactly `count` bytes from the front into `target`. The caller knows that they are there. */
  moveTo(target: Uint8Array, at: number, count: number): void {
    let position = at;
    const end = at + count;
    while (position < end) {
      const { bytes } = this.chunks.first as Chunk;
      const taken = Math.min(bytes.length, end - position);
      target.set(taken === bytes.length ? bytes : bytes.subarray(0, taken), position);
      this.drop(taken);
      position += taken;
    }
  }

  /** Forgets exactly `count` bytes from the front. */
  drop(count: number): void {
    this.bytes -= count;
    let left = count;
    while (left > 0) {
      const chunk = this.chunks.first as Chunk;
      if (chunk.bytes.length > left) {
        chunk.bytes = chunk.bytes.subarray(left);
        return;
      }
      left -= chunk.bytes.length;
      this.chunks.shift();
      chunk.memory?.release();
    }
  }

  /** Moves everything that `other` holds behind what is here. */
  append(other: ByteQueue): void {
    for (let chunk = other.chunks.shift(); chunk !== undefined; chunk = other.chunks.shift()) this.chunks.push(chunk);
    this.bytes += other.bytes;
    other.bytes = 0;
  }

  clear(): void {
    for (let chunk = this.chunks.shift(); chunk !== undefined; chunk = this.chunks.shift()) chunk.memory?.release();
    this.bytes = 0;
  }
}
