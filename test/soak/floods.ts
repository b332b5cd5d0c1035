// Floods against a relay that serves honest peers meanwhile. By hand:
//   npx tsx test/soak/floods.ts                      each for 10 s
//   npx tsx test/soak/floods.ts --seconds 3 --only pings
import { parseArgs } from 'node:util';
import { FLOODS, type FloodKind } from './flood-kinds.js';
import { type FloodResult, runFlood } from './flood-run.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    quiet: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
  },
});
const times = { quietMs: Number(values.quiet) * 1000, floodMs: Number(values.seconds) * 1000 };

const MAX_SLOWER = 5;
const MAX_GROWN_BYTES = 64 * 1024 * 1024;
const MAX_CUT_MS = 2000;
const MIB = 1024 * 1024;

const rows: Record<string, string | number>[] = [];
for (const kind of FLOODS) {
  if (!kind.name.includes(values.only)) continue;
  const result = await runFlood(kind, times);
  const faults = faultsOf(kind, result);
  rows.push(rowOf(kind, result, faults));
  console.log(`${kind.name}: ${faults.join('; ') || 'ok'}`);
  if (faults.length > 0) process.exitCode = 1;
}
console.table(rows);

function faultsOf(kind: FloodKind, result: FloodResult): string[] {
  const slower = result.floodP99Ms / result.quietP99Ms;
  return [
    ...(slower > MAX_SLOWER ? [`p99 ${slower.toFixed(1)} times that of quiet`] : []),
    ...(result.grownBytes > MAX_GROWN_BYTES ? [`the relay grew by ${(result.grownBytes / MIB).toFixed(0)} MiB`] : []),
    ...cutFaults(kind, result),
    ...result.honestErrors,
    ...result.left.map((what) => `left: ${what}`),
    ...(result.exitCode === 0 ? [] : [`the relay ended with ${result.exitCode}`]),
  ];
}

function cutFaults({ cutBy, graceMs = 0 }: FloodKind, { ends, longestMs, survivedMs }: FloodResult): string[] {
  if (cutBy.length === 0) return [];
  const others = Object.keys(ends).filter((code) => !cutBy.includes(code));
  const latestMs = Math.max(longestMs, survivedMs) - graceMs;
  return [
    ...(others.length > 0 ? [`cut by ${others}, not ${cutBy}`] : []),
    ...(latestMs > MAX_CUT_MS ? [`there for ${(latestMs / 1000).toFixed(1)} s past its budget`] : []),
  ];
}

function rowOf({ name }: FloodKind, result: FloodResult, faults: string[]): Record<string, string | number> {
  return {
    flood: name,
    connections: result.connections,
    messages: result.messages,
    refusals: result.refusals,
    cut: Object.entries(result.ends)
      .map(([code, count]) => `${count} ${code}`)
      .join(),
    'cut after s': (result.longestMs / 1000).toFixed(2),
    'quiet p99 ms': result.quietP99Ms.toFixed(2),
    'flood p99 ms': result.floodP99Ms.toFixed(2),
    times: (result.floodP99Ms / result.quietP99Ms).toFixed(1),
    'MiB more': (result.grownBytes / MIB).toFixed(0),
    verdict: faults.length === 0 ? 'ok' : 'RED',
  };
}
