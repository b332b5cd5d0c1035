// Reads many megabytes from a socket that is none; prints how often the young generation was collected meanwhile.

import type { Socket } from 'node:net';
import { type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { Duplex } from 'node:stream';
import { FramedWebSocket } from '../../src/node/framed-websocket.js';
import { Opcode, writeFrameHeader } from '../../src/node/websocket-frames.js';

type GarbageCollection = PerformanceEntry & { detail: { kind: number } };

const READS = 4096;
const READ_BYTES = 64 * 1024;
/** Of `NODE_PERFORMANCE_GC_MINOR`. */
const MINOR = 1;

const minor = { count: 0 };
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries() as GarbageCollection[]) if (entry.detail.kind === MINOR) minor.count++;
});
observer.observe({ entryTypes: ['gc'] });

const source = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
const webSocket = new FramedWebSocket({ socket: source as Socket, head: Buffer.alloc(0) }, { role: 'client' });
let receivedBytes = 0;
webSocket.start({
  writable: () => {},
  received: (bytes) => {
    receivedBytes += bytes.length;
  },
  text: () => {},
  closed: () => {},
});
const header = Buffer.alloc(10);
writeFrameHeader(header, 0, Opcode.binary, READS * READ_BYTES, false);
source.push(header);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
for (let read = 0; read < READS; read++) {
  source.push(Buffer.alloc(READ_BYTES));
  await turn();
}
while (receivedBytes < READS * READ_BYTES) await turn();
await turn();
observer.disconnect();
console.log(JSON.stringify({ collections: minor.count, mebibytes: receivedBytes / 1024 / 1024 }));
process.exit();
