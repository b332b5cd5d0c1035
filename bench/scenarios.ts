import type { CpuMs, Deployment } from './deployment.js';

export const MIB = 1024 * 1024;
const KIB = 1024;

export interface Metric {
  /** Key in a sample. */
  key: string;
  label: string;
  unit: string;
  better: 'higher' | 'lower';
}

/** What one run of a scenario measured, by metric. */
export type Sample = Record<string, number>;

export interface Scenario {
  name: string;
  title: string;
  metrics: readonly Metric[];
  /** Not counted: makes the code hot and finds out how much fits a run. Its answer is handed to each `run`. */
  warmUp(deployment: Deployment): Promise<number>;
  run(deployment: Deployment, scale: number): Promise<Sample>;
}

/** Aimed length of one timed run. */
const BULK_MS = 600;
/** The first passes run cold code, and size the timed runs; their rate is not reported. */
const WARM_UP_PASSES = 3;
const PING_MS = 400;
const PING_BESIDE_BULK_MS = 700;
const OPENING_MS = 400;
const AT_ONCE = 1000;

export const SCENARIOS: readonly Scenario[] = [
  bulkScenario('bulk-64k', '1 stream, 64 KiB writes', 1, 64 * KIB, 16 * MIB),
  bulkScenario('bulk-1k', '1 stream, 1 KiB writes', 1, KIB, 4 * MIB),
  bulkScenario('streams-100', '100 streams, 64 KiB writes', 100, 64 * KIB, 25 * MIB),
  {
    name: 'ping-idle',
    title: '64-byte ping-pong, idle',
    metrics: [
      { key: 'p50', label: 'p50', unit: 'ms', better: 'lower' },
      { key: 'p99', label: 'p99', unit: 'ms', better: 'lower' },
    ],
    warmUp: async (deployment) => (await deployment.run('pingPong', { ms: PING_MS })).count,
    async run(deployment) {
      const { p50, p99 } = await deployment.run('pingPong', { ms: PING_MS });
      return { p50, p99 };
    },
  },
  {
    name: 'ping-beside-bulk',
    title: '64-byte ping-pong beside a bulk stream',
    metrics: [
      { key: 'p50', label: 'p50', unit: 'ms', better: 'lower' },
      { key: 'p99', label: 'p99', unit: 'ms', better: 'lower' },
      { key: 'bulk', label: 'bulk meanwhile', unit: 'MiB/s', better: 'higher' },
    ],
    warmUp: async (deployment) => (await deployment.run('pingPongBesideBulk', { ms: PING_BESIDE_BULK_MS })).count,
    async run(deployment) {
      const result = await deployment.run('pingPongBesideBulk', { ms: PING_BESIDE_BULK_MS });
      return { p50: result.p50, p99: result.p99, bulk: result.bulkBytes / MIB / (result.bulkMs / 1000) };
    },
  },
  {
    name: 'open-sequence',
    title: 'open, echo, close, one after the other',
    metrics: [{ key: 'rate', label: 'rate', unit: '/s', better: 'higher' }],
    warmUp: async (deployment) => (await deployment.run('openOneByOne', { ms: OPENING_MS })).count,
    async run(deployment) {
      const { count, ms } = await deployment.run('openOneByOne', { ms: OPENING_MS });
      return { rate: count / (ms / 1000) };
    },
  },
  {
    name: 'open-at-once',
    title: `${AT_ONCE.toLocaleString('en')} opened at once, until all are answered`,
    metrics: [{ key: 'ms', label: 'time', unit: 'ms', better: 'lower' }],
    warmUp: async (deployment) => (await deployment.run('openAtOnce', { count: AT_ONCE })).count,
    async run(deployment) {
      return { ms: (await deployment.run('openAtOnce', { count: AT_ONCE })).ms };
    },
  },
];

function bulkScenario(name: string, title: string, streams: number, writeBytes: number, warmUpBytes: number): Scenario {
  const transfer = { streams, writeBytes, hashed: false };
  return {
    name,
    title,
    metrics: [
      { key: 'rate', label: 'rate', unit: 'MiB/s', better: 'higher' },
      { key: 'client', label: 'CPU client', unit: 'ms/MiB', better: 'lower' },
      { key: 'relay', label: 'CPU relay', unit: 'ms/MiB', better: 'lower' },
      { key: 'listener', label: 'CPU listener', unit: 'ms/MiB', better: 'lower' },
    ],
    async warmUp(deployment) {
      let totalBytes = warmUpBytes;
      for (let pass = 0; pass < WARM_UP_PASSES; pass++) {
        const { bytes, ms } = await deployment.run('bulk', { ...transfer, totalBytes });
        totalBytes = Math.max(warmUpBytes, (bytes / ms) * BULK_MS);
      }
      return totalBytes;
    },
    async run(deployment, totalBytes) {
      const before = await deployment.cpuMs();
      const { bytes, ms } = await deployment.run('bulk', { ...transfer, totalBytes });
      const after = await deployment.cpuMs();
      const perMiB = (role: keyof CpuMs) => (after[role] - before[role]) / (bytes / MIB);
      return {
        rate: bytes / MIB / (ms / 1000),
        client: perMiB('client'),
        relay: perMiB('relay'),
        listener: perMiB('listener'),
      };
    },
  };
}
