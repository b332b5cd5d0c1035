import { describe, expect, test } from 'vitest';
import { backoffMs } from '../../src/core/backoff.js';

const ALMOST_ONE = 1 - Number.EPSILON;
const ATTEMPTS = [0, 1, 2, 3, 4, 5, 6, 7, 1000];

describe('backoffMs', () => {
  test('is at most 0, 1, 2, 5, 10, 30 s, and then 30 s again and again', () => {
    expect(ATTEMPTS.map((attempt) => Math.round(backoffMs(attempt, () => ALMOST_ONE)))).toEqual([
      0, 1000, 2000, 5000, 10_000, 30_000, 30_000, 30_000, 30_000,
    ]);
  });

  test('is drawn from all of it: full jitter', () => {
    expect(ATTEMPTS.map((attempt) => backoffMs(attempt, () => 0))).toEqual(ATTEMPTS.map(() => 0));
    expect(backoffMs(3, () => 0.5)).toBe(2500);
  });

  test('is drawn anew each time', () => {
    const draws = [0.1, 0.9];
    const random = () => draws.shift()!;
    expect([backoffMs(1, random), backoffMs(1, random)]).toEqual([100, 900]);
  });
});
