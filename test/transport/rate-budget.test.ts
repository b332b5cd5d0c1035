import { expect, test } from 'vitest';
import { RateBudget } from '../../src/transport/rate-budget.js';

test('so much at once, and then as much as time brings back', () => {
  const budget = new RateBudget({ perSecond: 2, burst: 3 }, 0);
  expect([1, 2, 3, 4].map(() => budget.take(1, 0))).toEqual([true, true, true, false]);
  expect(budget.take(1, 499)).toBe(false);
  expect(budget.take(1, 500)).toBe(true);
  expect(budget.take(1, 500)).toBe(false);
});

test('what is not used up to the burst is lost', () => {
  const budget = new RateBudget({ perSecond: 2, burst: 3 }, 0);
  expect(budget.take(3, 60_000)).toBe(true);
  expect(budget.take(1, 60_000)).toBe(false);
});

test('what is refused costs nothing', () => {
  const budget = new RateBudget({ perSecond: 1, burst: 3 }, 0);
  expect(budget.take(4, 0)).toBe(false);
  expect(budget.left(0)).toBe(3);
});

test('a clock that stands still or goes back brings nothing', () => {
  const budget = new RateBudget({ perSecond: 1000, burst: 1 }, 100);
  expect(budget.take(1, 100)).toBe(true);
  expect(budget.take(1, 50)).toBe(false);
  expect(budget.take(1, 100)).toBe(false);
});

test('says when there will be enough', () => {
  const budget = new RateBudget({ perSecond: 2, burst: 3 }, 0);
  expect(budget.readyAt(3, 10)).toBe(10);
  budget.take(3, 10);
  expect(budget.readyAt(1, 10)).toBe(510);
  expect(budget.readyAt(2, 510)).toBe(1010);
});

test('can be lowered, and not raised', () => {
  const budget = new RateBudget({ perSecond: 1, burst: 10 }, 0);
  budget.lowerTo(4);
  budget.lowerTo(8);
  expect(budget.left(0)).toBe(4);
  expect(budget.left(1000)).toBe(5);
});
