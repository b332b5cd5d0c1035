import type { CpuMs } from '../deployment.js';
import { type Goal, valueAtMost } from '../goals.js';
import { type Metric, MIB, type Scenario } from './scenario.js';

/** Aimed length of one timed run. */
const BULK_MS = 600;
/** The first passes run cold code, and size the timed runs; their rate is not reported. */
const WARM_UP_PASSES = 3;

export interface BulkShape {
  streams: number;
  writeBytes: number;
  /** Of the first pass, and at least of each. */
  warmUpBytes: number;
}

export function bulkScenario(name: string, title: string, shape: BulkShape, metrics: readonly Metric[]): Scenario {
  const transfer = { streams: shape.streams, writeBytes: shape.writeBytes, hashed: false };
  return {
    name,
    title,
    metrics,
    async warmUp(deployment) {
      let totalBytes = shape.warmUpBytes;
      for (let pass = 0; pass < WARM_UP_PASSES; pass++) {
        const { bytes, ms } = await deployment.run('bulk', { ...transfer, totalBytes });
        totalBytes = Math.max(shape.warmUpBytes, (bytes / ms) * BULK_MS);
      }
      return totalBytes;
    },
    async run(deployment, totalBytes) {
      const before = await deployment.cpuMs();
      const { bytes, ms, wireBytes } = await deployment.run('bulk', { ...transfer, totalBytes });
      const after = await deployment.cpuMs();
      const perMiB = (role: keyof CpuMs) => (after[role] - before[role]) / (bytes / MIB);
      return {
        rate: bytes / MIB / (ms / 1000),
        client: perMiB('client'),
        relay: perMiB('relay'),
        listener: perMiB('listener'),
        wire: wireBytes / bytes,
      };
    },
  };
}

export function rateMetric(goal?: Goal): Metric {
  return { key: 'rate', label: 'rate', unit: 'MiB/s', better: 'higher', ...(goal && { goal }) };
}

export function cpuMetrics(goalOfRelay?: Goal): Metric[] {
  return [
    { key: 'client', label: 'CPU client', unit: 'ms/MiB', better: 'lower' },
    { key: 'relay', label: 'CPU relay', unit: 'ms/MiB', better: 'lower', ...(goalOfRelay && { goal: goalOfRelay }) },
    { key: 'listener', label: 'CPU listener', unit: 'ms/MiB', better: 'lower' },
  ];
}

export const WIRE_METRIC: Metric = {
  key: 'wire',
  label: 'wire bytes per payload byte',
  unit: '',
  better: 'lower',
  decimals: 4,
  goal: valueAtMost(1.005),
};
