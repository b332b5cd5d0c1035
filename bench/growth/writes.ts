import { measureScenarios } from '../measure.js';
import { type ScenarioSamples, toRows } from '../report.js';
import { bulkScenario, rateMetric } from '../scenarios/bulk.js';
import { KIB, MIB } from '../scenarios/scenario.js';
import type { Point, Series } from './series.js';

export const WRITE_SIZES = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB];

export async function growByWrites(rounds: number): Promise<Series> {
  const scenarios = WRITE_SIZES.map((writeBytes) =>
    bulkScenario(
      `write-${writeBytes}`,
      `writes of ${writeBytes} bytes`,
      { streams: 1, writeBytes, warmUpBytes: Math.min(16 * MIB, Math.max(MIB, writeBytes * 4096)) },
      [rateMetric()],
    ),
  );
  const samples = await measureScenarios(scenarios, { rounds });
  return {
    name: 'writes',
    title: 'Size of the writes, one stream',
    over: 'bytes per write',
    metrics: [
      { key: 'trunkline', label: 'trunkline', unit: 'MiB/s' },
      { key: 'rawWs', label: 'raw ws', unit: 'MiB/s' },
      { key: 'ratio', label: 'ratio', unit: 'x' },
    ],
    points: scenarios.map((scenario, index): Point => {
      const [row] = toRows(scenario, samples.get(scenario.name) as ScenarioSamples);
      if (row?.ratio === undefined) throw new Error(`${scenario.name} has no ratio`);
      const values = { trunkline: row.trunkline, rawWs: row.rawWs, ratio: row.ratio.median };
      return { at: WRITE_SIZES[index] as number, values };
    }),
  };
}
