// Messages that are wrong in every way there is, to decoder, connections and relay. By hand:
//   npx tsx test/soak/fuzz.ts                            10 million
//   npx tsx test/soak/fuzz.ts --inputs 100000 --seed 7
//   npx tsx test/soak/fuzz.ts --seed 1234 --inputs 1     the one batch that a failure has named
import { parseArgs } from 'node:util';
import { ForkedProcess } from '../support/forked-process.js';
import type { FuzzBatch } from './fuzz-child.js';

const { values } = parseArgs({
  options: { inputs: { type: 'string', default: '10000000' }, seed: { type: 'string' } },
});
const wanted = Number(values.inputs);
const firstSeed = values.seed === undefined ? Date.now() & 0x3fff_ffff : Number(values.seed);

/** A batch takes a fraction of a second; of several processors that are busy elsewhere, some. */
const HANG_MS = 60_000;
/** Until then compiled code and the generator's own tables come about. */
const WARM_UP_BATCHES = 10;
const MAX_GROWN_BYTES = 32 * 1024 * 1024;
const MIB = 1024 * 1024;
const TOLD_INPUTS = 500_000;

console.log(`seed ${firstSeed}`);
const { process: child } = await ForkedProcess.fork<void>('../soak/fuzz-child.ts', undefined);
const startedAt = performance.now();
const counts: Record<string, number> = {};
let [total, told] = [0, 0];
let batches = 0;
let base: FuzzBatch | undefined;
let [mostHeapBytes, mostRssBytes] = [0, 0];
const failures: string[] = [];

while (total < wanted && failures.length === 0) {
  const seed = firstSeed + batches++;
  const batch = await run(seed);
  if (typeof batch === 'string') {
    failures.push(`seed ${seed}: ${batch}`);
    break;
  }
  for (const [what, count] of Object.entries(batch.inputs)) {
    counts[what] = (counts[what] ?? 0) + count;
    total += count;
  }
  if (total >= told + TOLD_INPUTS) {
    told = total;
    console.log(`${total} inputs, heap ${toMib(batch.heapUsedBytes)} MiB, resident ${toMib(batch.rssBytes)} MiB`);
  }
  if (batches === WARM_UP_BATCHES) base = batch;
  mostHeapBytes = Math.max(mostHeapBytes, batch.heapUsedBytes);
  mostRssBytes = Math.max(mostRssBytes, batch.rssBytes);
  if (base !== undefined && batch.heapUsedBytes - base.heapUsedBytes > MAX_GROWN_BYTES)
    failures.push(`seed ${seed}: the heap grew by ${toMib(batch.heapUsedBytes - base.heapUsedBytes)} MiB`);
  if (base !== undefined && batch.rssBytes - base.rssBytes > 2 * MAX_GROWN_BYTES)
    failures.push(`seed ${seed}: the process grew by ${toMib(batch.rssBytes - base.rssBytes)} MiB`);
}

const seconds = (performance.now() - startedAt) / 1000;
console.table(Object.entries(counts).map(([what, inputs]) => ({ what, inputs })));
console.log(
  `${total} inputs in ${seconds.toFixed(0)} s, ${Math.round(total / seconds)}/s; ` +
    `heap ${toMib(base?.heapUsedBytes ?? 0)} to at most ${toMib(mostHeapBytes)} MiB, ` +
    `resident ${toMib(base?.rssBytes ?? 0)} to at most ${toMib(mostRssBytes)} MiB`,
);
console.log(failures.length === 0 ? '0 crashes, 0 hangs, memory bounded' : failures.join('\n'));
await child.kill();
process.exitCode = failures.length === 0 ? 0 : 1;

/** What went wrong, in words, or what it did. */
async function run(seed: number): Promise<FuzzBatch | string> {
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`hangs for ${HANG_MS / 1000} s`), HANG_MS);
  });
  const done = child.ask<FuzzBatch>('batch', seed).catch((error: Error) => error.stack ?? error.message);
  const result = await Promise.race([done, hung]);
  clearTimeout(timer);
  return result;
}

function toMib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
