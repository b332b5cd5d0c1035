/**
 * Runs the browser tests: finds a Chromium first (Playwright's config cannot wait for an installation), then hands it to
 * Playwright by the same environment variable a user would set. Arguments go on to Playwright.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { findChromium } from './find-browser.js';
import { playwrightCounts } from './results.js';

const RESULTS = '.cache/results/e2e.json';

process.exitCode = await main();

async function main(): Promise<number> {
  rmSync(RESULTS, { force: true });
  let browser: string;
  try {
    browser = await findChromium();
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
  const cli = createRequire(import.meta.url).resolve('@playwright/test/cli');
  const args = [cli, 'test', '--config', 'e2e/playwright.config.ts', ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, TRUNKLINE_CHROMIUM: browser },
  });
  if (status !== 0) return status ?? 1;
  // Playwright is content with skipped tests; we are not: they were written to be run.
  const { passed, skipped } = playwrightCounts(JSON.parse(readFileSync(RESULTS, 'utf8')));
  if (passed > 0 && skipped === 0) return 0;
  console.error(`browser tests must all run: ${passed} passed, ${skipped} skipped`);
  return 1;
}
