/**
 * The last line of a CI run: all suites' results in one sum. It reads what the suites' JSON reporters left, and takes
 * the exit code of `npm test`, so that neither a suite that never ran nor a failed build can look like success.
 *
 *   tsx test/tools/summary.ts <exit code of npm test>
 */
import { readFileSync } from 'node:fs';
import { type Counts, playwrightCounts, vitestCounts } from './results.js';

const suites = { unit: vitestCounts, package: vitestCounts, e2e: playwrightCounts };
const exitCode = Number(process.argv[2]);
const sum: Counts = { passed: 0, failed: 0, skipped: 0 };

console.log();
for (const [name, count] of Object.entries(suites)) {
  const counts = read(name, count);
  if (!counts) {
    console.log(`${name}: did not run`);
    continue;
  }
  console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  sum.passed += counts.passed;
  sum.failed += counts.failed;
}
// Lint, build, types or a crashed runner: a failure that no report knows of.
if (exitCode !== 0 && sum.failed === 0) sum.failed = 1;
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed > 0 ? 1 : exitCode;

function read(name: string, count: (report: never) => Counts): Counts | undefined {
  try {
    return count(JSON.parse(readFileSync(`.cache/results/${name}.json`, 'utf8')) as never);
  } catch {
    return undefined;
  }
}
