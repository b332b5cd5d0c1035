import { ratioAtLeast, valueAtMost } from './goals.js';
import { bulkScenario, cpuMetrics, rateMetric, WIRE_METRIC } from './scenarios/bulk.js';
import { idleStreams, idleTunnels, neverReads } from './scenarios/memory.js';
import { openAtOnce, openSequence } from './scenarios/opening.js';
import { pingBesideBulk, pingIdle } from './scenarios/ping.js';
import { KIB, MIB, type Scenario } from './scenarios/scenario.js';

const bulk64K = bulkScenario(
  'bulk-64k',
  '1 stream, 64 KiB writes',
  { streams: 1, writeBytes: 64 * KIB, warmUpBytes: 16 * MIB },
  [rateMetric(ratioAtLeast(1)), ...cpuMetrics(valueAtMost(2.6))],
);

const bulk1K = bulkScenario(
  'bulk-1k',
  '1 stream, 1 KiB writes',
  { streams: 1, writeBytes: KIB, warmUpBytes: 4 * MIB },
  [rateMetric(ratioAtLeast(3)), ...cpuMetrics()],
);

const bulk64B = bulkScenario('bulk-64b', '1 stream, 64 B writes', { streams: 1, writeBytes: 64, warmUpBytes: MIB }, [
  rateMetric(),
  WIRE_METRIC,
]);

const streams100 = bulkScenario(
  'streams-100',
  '100 streams, 64 KiB writes',
  { streams: 100, writeBytes: 64 * KIB, warmUpBytes: 25 * MIB },
  [rateMetric(ratioAtLeast(1)), ...cpuMetrics()],
);

/** About a minute of five rounds. */
export const QUICK_SCENARIOS: readonly Scenario[] = [
  bulk64K,
  bulk1K,
  streams100,
  pingIdle,
  pingBesideBulk,
  openSequence,
  openAtOnce,
];

export const ALL_SCENARIOS: readonly Scenario[] = [...QUICK_SCENARIOS, bulk64B, neverReads, idleStreams, idleTunnels];

/** The most sockets that one process of them holds at once. */
export function socketsOf(scenarios: readonly Scenario[]): number {
  return Math.max(0, ...scenarios.map(({ sockets = 0 }) => sockets));
}
