import { describe, expect, test } from 'vitest';
import { resolveOptions } from '../../relay/options.js';

describe('resumeWindowMs', () => {
  test('is two minutes unless it is said otherwise; 0 is off', () => {
    expect(resolveOptions().resumeWindowMs).toBe(120_000);
    expect(resolveOptions({ resumeWindowMs: 5 }).resumeWindowMs).toBe(5);
    expect(resolveOptions({ resumeWindowMs: 0 }).resumeWindowMs).toBe(0);
  });

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('%s is refused by name', (resumeWindowMs) => {
    expect(() => resolveOptions({ resumeWindowMs })).toThrow(/^resumeWindowMs must be a whole number from 0/);
  });
});

test('a relay takes 16,384 re-opens that wait, or as many as it is told', () => {
  expect(resolveOptions().limits.maxPendingResumes).toBe(16_384);
  expect(resolveOptions({ limits: { maxPendingResumes: 3 } }).limits.maxPendingResumes).toBe(3);
  expect(() => resolveOptions({ limits: { maxPendingResumes: 0 } })).toThrow(/^limits.maxPendingResumes must be/);
});
