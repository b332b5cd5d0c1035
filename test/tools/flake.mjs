/**
 * Runs one test file many times, because a test that fails once in fifty is a bug in it or in what it tests.
 *
 *   npm run flake -- test/core/scheduler.test.ts        50 times
 *   npm run flake -- test/core/scheduler.test.ts 200    200 times
 *   npm run flake -- e2e/page.spec.ts 10                browser tests too
 */
import { spawnSync } from 'node:child_process';

const [file, count = '50'] = process.argv.slice(2);
const times = Number(count);
if (!file || !Number.isInteger(times) || times < 1) {
  console.error('usage: npm run flake -- <test file> [times]');
  process.exit(2);
}

const command = file.startsWith('e2e/')
  ? ['npx', 'tsx', 'test/tools/run-e2e.ts', file]
  : ['npx', 'vitest', 'run', '--config', 'test/vitest.config.ts', '--reporter=default', file];

let failures = 0;
for (let run = 1; run <= times; run++) {
  const started = performance.now();
  const result = spawnSync(command[0], command.slice(1), { encoding: 'utf8', shell: process.platform === 'win32' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${run}/${times}  ${result.status === 0 ? 'ok' : 'FAILED'}  ${seconds} s`);
  if (result.status !== 0) {
    failures++;
    console.log(result.stdout + result.stderr);
  }
}
console.log(`${file}: ${failures} of ${times} runs failed`);
process.exitCode = failures === 0 ? 0 : 1;
