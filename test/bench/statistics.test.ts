import { describe, expect, test } from 'vitest';
import { median, toLatencies } from '../../bench/statistics.js';

describe('median', () => {
  test('of an odd number of samples is the one in the middle, of an even number between the two', () => {
    expect(median([9, 1, 10])).toBe(9);
    expect(median([4, 1, 10, 2])).toBe(3);
  });

  test('of nothing is an error, not NaN', () => {
    expect(() => median([])).toThrow(RangeError);
  });

  test('leaves the samples in order', () => {
    const samples = [3, 1, 2];
    median(samples);
    expect(samples).toEqual([3, 1, 2]);
  });
});

test('latencies are sorted by size, not by text', () => {
  const samples = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect(toLatencies(samples)).toEqual({ count: 200, p50: 101, p99: 199 });
});
