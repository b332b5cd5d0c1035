import { describe, expect, test } from 'vitest';
import { seriesLines } from '../../bench/growth/report.js';
import { type GrowthMetric, growthOf, measurePoints, type Series } from '../../bench/growth/series.js';

const OPEN: GrowthMetric = { key: 'open', label: 'open', unit: 'ms', flat: { from: 10, factor: 1.5 } };
const SIZE: GrowthMetric = { key: 'size', label: 'size', unit: 'KiB' };

function seriesOf(...open: number[]): Series {
  const points = open.map((value, index) => ({ at: 10 ** index, values: { open: value } }));
  return { name: 'n', title: 'N', over: 'streams', metrics: [OPEN, SIZE], points };
}

describe('growth', () => {
  test('is the last figure by the one it is to be flat from', () => {
    expect(growthOf(seriesOf(9, 2, 2, 5), OPEN, { from: 10, factor: 1.5 })).toBe(2.5);
    expect(growthOf(seriesOf(10, 2, 2, 5), OPEN, { from: 1, factor: 1.5 })).toBe(0.5);
  });

  test('is an error where nothing was measured', () => {
    expect(() => growthOf(seriesOf(1, 2), SIZE, { from: 1, factor: 1.5 })).toThrow('there is no size at 1');
    expect(() => growthOf(seriesOf(1, 2), OPEN, { from: 5, factor: 1.5 })).toThrow('there is no open at 5');
  });

  test('is called flat up to its factor', () => {
    expect(seriesLines(seriesOf(1, 2, 3)).at(-1)).toEqual(['growth', '1.50x from 10: flat', '']);
    expect(seriesLines(seriesOf(1, 2, 3.1)).at(-1)).toEqual(['growth', '1.55x from 10: not flat', '']);
  });

  test('leaves a cell empty where nothing was measured', () => {
    expect(seriesLines(seriesOf(1, 2)).slice(0, 2)).toEqual([
      ['streams', 'open (ms)', 'size (KiB)'],
      ['1', '1.00', ''],
    ]);
  });
});

test('points are measured round by round, and are medians', async () => {
  const asked: number[] = [];
  const points = await measurePoints([1, 10], 3, async (count) => ({ open: asked.push(count) }));
  expect(asked).toEqual([1, 10, 1, 10, 1, 10]);
  expect(points).toEqual([
    { at: 1, values: { open: 3 } },
    { at: 10, values: { open: 4 } },
  ]);
});
