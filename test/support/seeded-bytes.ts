import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable, type Writable } from 'node:stream';

/**
 * Bytes that are a function of (seed, offset), so that a receiver knows what must stand where, and can tell what went
 * wrong where it does not: bytes lost, bytes twice, or bytes that belong nowhere near.
 */
export function seededBytes(seed: number, offset: number, length: number): Buffer {
  const firstWord = Math.floor(offset / 4);
  const words = new Uint32Array(Math.floor((offset + length + 3) / 4) - firstWord);
  for (let index = 0; index < words.length; index++) words[index] = mix(seed, firstWord + index);
  return Buffer.from(words.buffer, offset - firstWord * 4, length);
}

function mix(seed: number, index: number): number {
  let value = Math.imul(index ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** Whole numbers from 0 to below `limit`, the same for the same seed. */
export function seededRandom(seed: number): (limit: number) => number {
  let count = 0;
  return (limit) => mix(seed, count++) % limit;
}

const SEARCHED_BYTES = 256 * 1024;
const SIGNATURE_BYTES = 32;

/** Takes what arrived, in order, and throws at the first byte that is not the one due. */
export class SeededChecker {
  private readonly hash = createHash('sha256');
  private offset = 0;

  constructor(private readonly seed: number) {}

  get bytes(): number {
    return this.offset;
  }

  /** Only once. */
  sha256(): string {
    return this.hash.digest('hex');
  }

  check(chunk: Uint8Array): void {
    const expected = seededBytes(this.seed, this.offset, chunk.length);
    if (!expected.equals(chunk)) throw new Error(this.diagnose(chunk, expected));
    this.hash.update(chunk);
    this.offset += chunk.length;
  }

  private diagnose(chunk: Uint8Array, expected: Buffer): string {
    const wrongAt = expected.findIndex((byte, index) => byte !== chunk[index]);
    const at = this.offset + wrongAt;
    const signature = chunk.subarray(wrongAt, wrongAt + SIGNATURE_BYTES);
    const from = Math.max(0, at - SEARCHED_BYTES);
    const found = seededBytes(this.seed, from, at - from + SEARCHED_BYTES).indexOf(signature);
    const prefix = `seed ${this.seed}, byte ${at}:`;
    if (found === -1) return `${prefix} bytes that belong nowhere near`;
    const distance = from + found - at;
    return distance > 0 ? `${prefix} ${distance} bytes are missing` : `${prefix} ${-distance} bytes came again`;
  }
}

/** sha256 of the first `length` bytes of a seed. */
export function seededSha256(seed: number, length: number): string {
  const hash = createHash('sha256');
  for (let offset = 0; offset < length; offset += 1 << 20) {
    hash.update(seededBytes(seed, offset, Math.min(1 << 20, length - offset)));
  }
  return hash.digest('hex');
}

/** The first `length` bytes of a seed, as fast as they are read. */
export function seededReadable(seed: number, length: number): Readable {
  let offset = 0;
  return new Readable({
    read(wanted) {
      const size = Math.min(wanted, length - offset);
      this.push(size === 0 ? null : seededBytes(seed, offset, size));
      offset += size;
    },
  });
}

export interface WriteOptions {
  /** Largest single write; sizes are random from 1 to this, every fourth one tiny. Default 200,000. */
  maxWriteBytes?: number;
  /** Default true. */
  end?: boolean;
}

/** Writes `length` seeded bytes, at the pace of the stream. */
export async function writeSeeded(
  stream: Writable,
  seed: number,
  length: number,
  { maxWriteBytes = 200_000, end = true }: WriteOptions = {},
): Promise<void> {
  const random = seededRandom(seed + 1);
  for (let offset = 0; offset < length; ) {
    const wanted = random(4) === 0 ? 1 + random(100) : 1 + random(maxWriteBytes);
    const size = Math.min(wanted, length - offset);
    if (!stream.write(seededBytes(seed, offset, size))) await once(stream, 'drain');
    offset += size;
  }
  if (end) stream.end();
}

/** Reads to the end and checks every byte. */
export async function readSeeded(stream: Readable, seed: number): Promise<{ bytes: number; sha256: string }> {
  const checker = new SeededChecker(seed);
  // Not `for await`, which destroys a Duplex when its readable side is over.
  await new Promise<void>((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      try {
        checker.check(chunk);
      } catch (error) {
        reject(error);
        stream.destroy();
      }
    });
    stream.once('end', resolve);
    stream.once('error', reject);
    stream.once('close', () => reject(new Error(`closed after ${checker.bytes} bytes, without an end`)));
  });
  return { bytes: checker.bytes, sha256: checker.sha256() };
}
