import { once } from 'node:events';
import type { TunnelStream } from '../../src/index.js';
import { type Carrier, openTunnelPair } from './tunnel-pair.js';
import { until } from './until.js';

/** Single: each write is alone, and has arrived before the next. Coalesced: all in one go. */
export type Writing = 'single' | 'coalesced';

/** Bytes on the socket, in the sender's direction, for each byte of payload; opening and ending are left out. */
export async function measureOverhead(
  carrier: Carrier,
  writing: Writing,
  writeBytes: number,
  writes: number,
): Promise<number> {
  const pair = await openTunnelPair(carrier);
  let received = 0;
  const arrived = once(pair.accepted, 'stream') as Promise<[TunnelStream]>;
  const stream = pair.dialer.createStream();
  const [far] = await arrived;
  far.on('data', (bytes: Uint8Array) => {
    received += bytes.length;
  });
  await stream.opened;
  const before = pair.wireBytes();
  const chunk = Buffer.alloc(writeBytes, 1);
  for (let count = 1; count <= writes; count++) {
    stream.write(chunk);
    if (writing === 'single') await until(() => received === count * writeBytes, `write ${count}`);
  }
  await until(() => received === writes * writeBytes, 'every byte');
  const wireBytes = pair.wireBytes() - before;
  far.end();
  stream.resume().end();
  await once(stream, 'close');
  await pair.close();
  return wireBytes / (writes * writeBytes);
}
