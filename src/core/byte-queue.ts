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
  /** The memory is somebody else's, who waits for it. */
  isBorrowed: boolean;
}

/** Memory for a few copied chunks together: an object for each byte would outweigh the bytes. */
const GATHER_BYTES = 4 * 1024;

/** Chunks in order, taken from the front in any sizes. Holds references; the one copy is made by `moveTo`. */
export class ByteQueue {
  private readonly chunks = new Fifo<Chunk>();
  private bytes = 0;
  private borrowed = 0;

  get length(): number {
    return this.bytes;
  }

  /** Of these lie in memory that was pushed by reference, and is nobody's to hold. */
  get borrowedBytes(): number {
    return this.borrowed;
  }

  /** By reference. `memory` is held until the chunk has left. */
  push(bytes: Uint8Array, memory?: Holdable): void {
    if (bytes.length === 0) return;
    memory?.hold();
    const isBorrowed = memory === undefined;
    this.chunks.push({ bytes, memory, roomBytes: 0, isBorrowed });
    this.bytes += bytes.length;
    if (isBorrowed) this.borrowed += bytes.length;
  }

  /** Copies `bytes`, which are few, so that their memory is the caller's again. */
  pushCopy(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    let chunk = this.chunks.last;
    if (chunk === undefined || chunk.roomBytes < bytes.length) {
      // A lone one is likely to stay alone.
      const gathered = this.bytes === 0 ? bytes.length : Math.max(bytes.length, GATHER_BYTES);
      const memory = new Uint8Array(gathered);
      chunk = { bytes: memory.subarray(0, 0), memory: undefined, roomBytes: gathered, isBorrowed: false };
      this.chunks.push(chunk);
    }
    const { buffer, byteOffset, length } = chunk.bytes;
    chunk.bytes = new Uint8Array(buffer, byteOffset, length + bytes.length);
    chunk.bytes.set(bytes, length);
    chunk.roomBytes -= bytes.length;
    this.bytes += bytes.length;
  }

  /** If at most `maxBytes` are left, they are copied: none is borrowed any more. */
  ownRest(maxBytes: number): void {
    if (this.borrowed === 0 || this.bytes > maxBytes) return;
    const rest = new Uint8Array(this.bytes);
    this.moveTo(rest, 0, rest.length);
    this.chunks.push({ bytes: rest, memory: undefined, roomBytes: 0, isBorrowed: false });
    this.bytes = rest.length;
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
      if (chunk.isBorrowed) this.borrowed -= Math.min(left, chunk.bytes.length);
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
    this.borrowed += other.borrowed;
    other.bytes = 0;
    other.borrowed = 0;
  }

  clear(): void {
    for (let chunk = this.chunks.shift(); chunk !== undefined; chunk = this.chunks.shift()) chunk.memory?.release();
    this.bytes = 0;
    this.borrowed = 0;
  }
}
