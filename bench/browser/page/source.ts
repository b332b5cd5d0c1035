import type { PageStream } from './line.js';

const RING = ringOfNoise(8 * 1024 * 1024);

/** Writes as fast as the stream's backpressure allows. */
export async function writeAll(stream: PageStream, writeBytes: number, totalBytes: number): Promise<void> {
  for (let sent = 0; sent < totalBytes; sent += writeBytes) {
    if (!stream.write(chunkAt(sent, writeBytes))) await stream.whenDrained();
  }
}

/** What is written at this offset. */
export function chunkAt(offset: number, writeBytes: number): Uint8Array<ArrayBuffer> {
  const at = offset % (RING.length - writeBytes);
  return RING.subarray(at, at + writeBytes);
}

/** Not zeros, and different at each place, so that a hash notices bytes that are missing or moved. */
function ringOfNoise(length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(length / 4);
  for (let index = 0, state = 1; index < words.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[index] = state;
  }
  return new Uint8Array(words.buffer);
}
