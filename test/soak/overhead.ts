// Bytes on the socket for each byte of payload, over a tunnel without a relay. By hand:
//   npx tsx test/soak/overhead.ts
import type { Carrier } from '../support/tunnel-pair.js';
import { measureOverhead, type Writing } from '../support/wire-overhead.js';

const SIZES = [64, 1024, 64 * 1024];
const TOTAL_BYTES = 4 * 1024 * 1024;
const MOST_WRITES = 4096;

console.log('carrier     writes      size   bytes on the socket per payload byte');
for (const carrier of ['tcp', 'websocket'] satisfies Carrier[]) {
  for (const writing of ['single', 'coalesced'] satisfies Writing[]) {
    for (const size of SIZES) {
      const writes = Math.min(MOST_WRITES, TOTAL_BYTES / size);
      const overhead = await measureOverhead(carrier, writing, size, writes);
      console.log(`${carrier.padEnd(10)}  ${writing.padEnd(9)}  ${String(size).padStart(5)}  ${overhead.toFixed(4)}`);
    }
  }
}
