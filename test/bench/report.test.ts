import { describe, expect, test } from 'vitest';
import { ratioAtLeast, valueAtMost } from '../../bench/goals.js';
import { formatRows, toRows } from '../../bench/report.js';
import type { Metric, Sample, Scenario } from '../../bench/scenarios/scenario.js';

const RATE: Metric = { key: 'rate', label: 'rate', unit: 'MiB/s', better: 'higher', goal: ratioAtLeast(2) };

function scenarioOf(...metrics: Metric[]): Scenario {
  return { name: 'one', title: 'One', metrics, warmUp: async () => 0, run: async () => ({}) };
}

function rowsOf(metric: Metric, ours: Sample[], raw: Sample[]) {
  return toRows(scenarioOf(metric), { trunkline: ours, 'raw-ws': raw });
}

describe('a row', () => {
  test('has the median of the ratios, not the ratio of the medians', () => {
    const [row] = rowsOf(RATE, [{ rate: 10 }, { rate: 30 }, { rate: 20 }], [{ rate: 10 }, { rate: 10 }, { rate: 40 }]);
    expect(row).toMatchObject({ trunkline: 20, rawWs: 10, ratio: { median: 1, range: [0.5, 3] }, met: false });
  });

  test('meets a goal of its own value', () => {
    const cpu: Metric = { key: 'cpu', label: 'CPU', unit: 'ms/MiB', better: 'lower', goal: valueAtMost(3) };
    expect(rowsOf(cpu, [{ cpu: 3 }], [{ cpu: 1 }])[0]?.met).toBe(true);
    expect(rowsOf(cpu, [{ cpu: 3.1 }], [{ cpu: 4 }])[0]?.met).toBe(false);
  });

  test('has no ratio where none is asked for, and no verdict without a goal', () => {
    const { goal: _, ...bare } = RATE;
    const [row] = rowsOf({ ...bare, compared: false }, [{ rate: 1 }], [{ rate: 0 }]);
    expect(row).not.toHaveProperty('ratio');
    expect(row).not.toHaveProperty('met');
  });

  test('is an error when the scenario did not measure it', () => {
    expect(() => rowsOf(RATE, [{}], [{ rate: 1 }])).toThrow('a sample has no rate');
  });
});

test('the printed table has the title once, the goal and what came of it', () => {
  const wire: Metric = { key: 'wire', label: 'wire', unit: '', better: 'lower', decimals: 4 };
  const rows = toRows(scenarioOf(RATE, wire), {
    trunkline: [{ rate: 300, wire: 1.00049 }],
    'raw-ws': [{ rate: 100, wire: 1.1 }],
  });
  const [, first = '', second = ''] = formatRows(rows).split('\n');
  expect(first).toMatch(/^One +rate +300 +100 +MiB\/s +3\.00x .*higher +>= 2x +met$/);
  expect(second).toMatch(/^ +wire +1\.0005 +1\.1000 /);
});
