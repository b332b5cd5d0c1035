import { defineConfig } from 'vitest/config';

const packageTests = 'test/package/**/*.test.ts';

export default defineConfig({
  test: {
    // Each project runs by its own npm script; the package tests need a build, the unit tests do not.
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [packageTests] } },
      { extends: true, test: { name: 'package', include: [packageTests], testTimeout: 60_000, hookTimeout: 120_000 } },
    ],
    // Tests about memory ask for a collection themselves.
    pool: 'forks',
    execArgv: ['--expose-gc'],
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // A test that passes at the second try has found something.
    retry: 0,
    allowOnly: false,
  },
});
