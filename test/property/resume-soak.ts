/**
 * Many seeds of streams that outlive connections: `npx tsx test/property/resume-soak.ts [seeds] [first seed]`, or one of
 * them again: `SEED=123 npx tsx test/property/resume-soak.ts`.
 */
import { addUp, type Outcome, runSeed } from './resume-scenario.js';

const { SEED } = process.env;
const [count = '1000', first = '1'] = SEED === undefined ? process.argv.slice(2) : ['1', SEED];
const REPORT_EVERY = 1000;

const startedAt = performance.now();
const outcomes: Outcome[] = [];
const failures: number[] = [];

for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  try {
    outcomes.push(runSeed(seed));
  } catch (error) {
    failures.push(seed);
    console.error(`SEED=${seed}: ${(error as Error).stack}`);
  }
  const done = outcomes.length + failures.length;
  if (done % REPORT_EVERY === 0 || done === Number(count)) report(done);
}

function report(done: number): void {
  const seconds = (performance.now() - startedAt) / 1000;
  const { faults, ...rest } = addUp(outcomes);
  console.log(`${done} seeds, ${failures.length} failed, ${(done / seconds).toFixed(1)} seeds/s`);
  console.log(`  faults: ${JSON.stringify(faults)}`);
  console.log(`  ${JSON.stringify(rest)}`);
}

if (failures.length > 0) {
  console.error(`failed seeds: ${failures.join(' ')}`);
  process.exitCode = 1;
}
