// Readers that stop while connections are cut again and again: what streams keep, and what the process has. By hand:
//   npx tsx test/soak/memory.ts                          64 streams, 500 cuts
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { RelayProcess } from '../support/relay-process.js';
import { StoppedReaders } from '../support/stopped-readers.js';

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '64' },
    cuts: { type: 'string', default: '500' },
    'window-kib': { type: 'string', default: '256' },
  },
});
const [streams, cuts, windowKib] = [values.streams, values.cuts, values['window-kib']].map(Number) as [
  number,
  number,
  number,
];
const windowBytes = windowKib * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const relay = await RelayProcess.start();
const readers = await StoppedReaders.start(relay.url, { streams, windowBytes, bytes: 8 * windowBytes });
const rows: object[] = [];
await report(0);
for (let cut = 1; cut <= cuts; cut++) {
  await readers.cut(cut % 2 === 0 ? 'client' : 'listener');
  if (cut % Math.ceil(cuts / 10) === 0) await report(cut);
}
console.log(`${streams} streams, a window of ${windowKib} KiB each: ${mib(streams * windowBytes)} MiB`);
console.table(rows);
console.log(`${await readers.finish()} bytes right, of ${streams * 8 * windowBytes}`);
await readers.close();
await relay.kill();

async function report(cut: number): Promise<void> {
  // What a collection frees may hold on to more.
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const { retained, unread } = readers.kept();
  rows.push({
    cut,
    'retained MiB': mib(retained),
    'unread MiB': mib(unread),
    'heap MiB': mib(heapUsed),
    'buffers MiB': mib(arrayBuffers),
    'relay RSS MiB': mib((await relay.report()).rss),
  });
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
