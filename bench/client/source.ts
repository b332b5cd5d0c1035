import { setImmediate } from 'node:timers/promises';
import type { ByteStream } from '../carriers/carrier.js';

/**
 * A source that is never asked to stop still lets the event loop turn after this much, as one that reads would. So small
 * writes cannot all be gathered into the largest messages, which would flatter whoever gathers.
 */
const TURN_BYTES = 1024 * 1024;
const TURN_WRITES = 64;

const RING = ringOfNoise(8 * 1024 * 1024);

export interface SourceOptions {
  writeBytes: number;
  /** Asked before each write. */
  isDone: (sentBytes: number) => boolean;
  /** Shown each chunk as it is written. */
  onChunk?: (chunk: Buffer) => void;
}

/** Writes as fast as the stream's backpressure allows. */
export async function writeAll(stream: ByteStream, options: SourceOptions): Promise<void> {
  const { writeBytes, isDone, onChunk } = options;
  let sent = 0;
  let sentThisTurn = 0;
  const turnBytes = Math.min(TURN_BYTES, TURN_WRITES * writeBytes);
  while (!isDone(sent)) {
    const at = sent % (RING.length - writeBytes);
    const chunk = RING.subarray(at, at + writeBytes);
    onChunk?.(chunk);
    sent += writeBytes;
    sentThisTurn += writeBytes;
    if (!stream.write(chunk)) await stream.whenDrained();
    else if (sentThisTurn >= turnBytes) await setImmediate();
    else continue;
    sentThisTurn = 0;
  }
}

/** Not zeros, and different at each place, so that a hash notices bytes that are missing or moved. */
function ringOfNoise(length: number): Buffer {
  const ring = Buffer.alloc(length);
  for (let at = 0, state = 1; at < length; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    ring.writeUInt32LE(state, at);
  }
  return ring;
}
