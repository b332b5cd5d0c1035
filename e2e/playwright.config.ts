import { defineConfig } from '@playwright/test';

/** test/tools/run-e2e.ts finds the browser; without it (an editor's test runner) Playwright looks for its own. */
const executablePath = process.env.TRUNKLINE_CHROMIUM;

export default defineConfig({
  testDir: '.',
  outputDir: '../.cache/e2e',
  // Two pages already keep two cores busy; tests side by side would only measure each other.
  workers: 1,
  fullyParallel: false,
  // A test that passes at the second try has found something.
  retries: 0,
  forbidOnly: true,
  timeout: 120_000,
  reporter: [['list'], ['json', { outputFile: '../.cache/results/e2e.json' }]],
  use: { trace: 'off', screenshot: 'off' },
  projects: [
    {
      name: 'chromium',
      use: {
        browserName: 'chromium',
        launchOptions: {
          ...(executablePath ? { executablePath } : {}),
          // Containers mostly forbid the user namespaces the sandbox is made of; the pages under test are our own.
          chromiumSandbox: false,
          args: [
            '--disable-gpu',
            '--disable-quic',
            '--no-first-run',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync',
          ],
        },
      },
    },
  ],
});
