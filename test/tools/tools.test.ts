import { afterEach, describe, expect, test, vi } from 'vitest';
import { findChromium } from './find-browser.js';
import { playwrightCounts, vitestCounts } from './results.js';

describe('the sum of a CI run', () => {
  const vitest = { success: true, numPassedTests: 3, numFailedTests: 0, numPendingTests: 1, numTodoTests: 1 };
  const stats = { expected: 5, unexpected: 0, flaky: 0, skipped: 0 };

  test('counts what passed, failed and was skipped', () => {
    expect(vitestCounts(vitest)).toEqual({ passed: 3, failed: 0, skipped: 2 });
    expect(playwrightCounts({ stats, errors: [] })).toEqual({ passed: 5, failed: 0, skipped: 0 });
  });

  test('counts a file that does not load as a failure', () => {
    expect(vitestCounts({ ...vitest, success: false }).failed).toBe(1);
    expect(playwrightCounts({ stats, errors: [{}] }).failed).toBe(1);
  });

  test('counts a test that passes at the second try as a failure', () => {
    expect(playwrightCounts({ stats: { ...stats, flaky: 1 }, errors: [] }).failed).toBe(1);
  });
});

describe('the search for a browser', () => {
  afterEach(() => vi.unstubAllEnvs());

  test('fails at once when the browser asked for does not run', async () => {
    vi.stubEnv('TRUNKLINE_CHROMIUM', process.execPath);
    await expect(findChromium()).rejects.toThrow(/TRUNKLINE_CHROMIUM=.* does not run/);
  });
});
