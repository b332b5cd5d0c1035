import { once } from 'node:events';
import type { TunnelStream } from '../../src/index.js';
import { seededBytes } from '../support/seeded-bytes.js';

const MIB = 1024 * 1024;

/** Sends until something has happened, and then a good deal more; how fast a machine is does not matter. */
export async function sendUntil(hasHappened: () => boolean, stream: TunnelStream, seed: number): Promise<number> {
  let sent = 0;
  for (let left = 16 * MIB; left > 0; ) {
    const chunk = seededBytes(seed, sent, MIB / 4);
    sent += chunk.length;
    if (hasHappened()) left -= chunk.length;
    if (!stream.write(chunk)) await once(stream, 'drain');
  }
  stream.end();
  return sent;
}
