import { once } from 'node:events';
import type { TunnelStream } from '../../src/index.js';
import type { TunnelPair } from '../support/tunnel-pair.js';
import { usedHeapBytes } from '../support/used-heap.js';

const WRITE_BYTES = 64 * 1024;
const MIB = 1024 * 1024;

/** What was in use at each of some moments; the first ones are a warm-up. */
export interface Leakage {
  /** How much has been sent, or opened, by then. */
  amounts: number[];
  usedBytes: number[];
}

/** How much more is in use at the end than after the first quarter. */
export function grownBytes({ usedBytes }: Leakage): number {
  const from = Math.ceil(usedBytes.length / 4) - 1;
  return (usedBytes.at(-1) as number) - (usedBytes[from] as number);
}

/** Sends so many MiB over one stream, and looks `samples` times what is in use. */
export async function sendBytes(
  { dialer, accepted }: TunnelPair,
  mebibytes: number,
  samples: number,
): Promise<Leakage> {
  let received = 0;
  const arrived = once(accepted, 'stream').then(([stream]) => {
    (stream as TunnelStream).on('data', (bytes: Uint8Array) => {
      received += bytes.length;
    });
    return stream as TunnelStream;
  });
  const stream = dialer.createStream();
  const far = await arrived;
  const leakage: Leakage = { amounts: [], usedBytes: [] };
  const chunk = Buffer.alloc(WRITE_BYTES, 7);
  for (let sample = 1; sample <= samples; sample++) {
    const target = Math.round((mebibytes * MIB * sample) / samples);
    for (let sent = stream.writableLength + received; sent < target; sent += WRITE_BYTES)
      if (!stream.write(chunk)) await once(stream, 'drain');
    await quiet(stream, () => received);
    leakage.amounts.push(received / MIB);
    leakage.usedBytes.push(usedHeapBytes());
  }
  const ended = once(far, 'end');
  far.end();
  stream.resume().end();
  await Promise.all([ended, once(stream, 'close')]);
  return leakage;
}

/** Everything that was written has been read. */
async function quiet(stream: TunnelStream, received: () => number): Promise<void> {
  for (let before = -1; stream.writableLength > 0 || before !== received(); ) {
    before = received();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Opens and closes so many streams, up to 100 at once, each with an exchange of a few bytes. */
export async function openStreams(
  { dialer, accepted }: TunnelPair,
  streams: number,
  samples: number,
): Promise<Leakage> {
  const answer = (stream: TunnelStream): void => void stream.pipe(stream);
  accepted.on('stream', answer);
  const leakage: Leakage = { amounts: [], usedBytes: [] };
  let opened = 0;
  for (let sample = 1; sample <= samples; sample++) {
    const target = Math.round((streams * sample) / samples);
    while (opened < target) {
      const count = Math.min(AT_ONCE, target - opened);
      await Promise.all(Array.from({ length: count }, () => exchange(dialer.createStream())));
      opened += count;
    }
    leakage.amounts.push(opened);
    leakage.usedBytes.push(usedHeapBytes());
  }
  accepted.off('stream', answer);
  return leakage;
}

const AT_ONCE = 100;

async function exchange(stream: TunnelStream): Promise<void> {
  let answer = '';
  stream.on('data', (bytes: Uint8Array) => {
    answer += String(bytes);
  });
  stream.end('hello');
  await once(stream, 'close');
  if (answer !== 'hello') throw new Error(`answered with ${JSON.stringify(answer)}`);
}
