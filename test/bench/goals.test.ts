import { describe, expect, test } from 'vitest';
import { formatGoal, isMet, ratioAtLeast, ratioAtMost, valueAtLeast, valueAtMost } from '../../bench/goals.js';

describe('a goal', () => {
  const figures = { value: 5, ratio: 0.5 };

  test.each([
    [ratioAtLeast(0.5), true],
    [ratioAtLeast(0.51), false],
    [ratioAtMost(0.5), true],
    [ratioAtMost(0.49), false],
    [valueAtLeast(5), true],
    [valueAtLeast(5.1), false],
    [valueAtMost(5), true],
    [valueAtMost(4.9), false],
  ])('%o: %s', (goal, met) => {
    expect(isMet(goal, figures)).toBe(met);
  });

  test('is not met by what is no number', () => {
    expect(isMet(ratioAtMost(1), { value: 1, ratio: Number.NaN })).toBe(false);
    expect(isMet(ratioAtLeast(1), { value: 1, ratio: Number.NaN })).toBe(false);
  });

  test('says its unit', () => {
    expect(formatGoal(ratioAtLeast(1.5), 'MiB/s')).toBe('>= 1.5x');
    expect(formatGoal(valueAtMost(2.6), 'ms/MiB')).toBe('<= 2.6 ms/MiB');
    expect(formatGoal(valueAtMost(1.3), 'x')).toBe('<= 1.3x');
    expect(formatGoal(valueAtMost(1.005), '')).toBe('<= 1.005');
  });
});
