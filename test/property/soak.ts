import { addUp } from './seed-outcome.js';

const REPORT_EVERY = 1000;

interface Outcome {
  faults: object;
}

/** Runs so many seeds, or the one that `SEED` names, and ends with an error code if one of them failed. */
export function soak(runSeed: (seed: number) => Outcome): void {
  const { SEED } = process.env;
  const [count = '1000', first = '1'] = SEED === undefined ? process.argv.slice(2) : ['1', SEED];
  const startedAt = performance.now();
  const outcomes: Outcome[] = [];
  const failures: number[] = [];

  const report = (done: number): void => {
    const seconds = (performance.now() - startedAt) / 1000;
    const { faults, ...rest } = addUp(outcomes);
    console.log(`${done} seeds, ${failures.length} failed, ${(done / seconds).toFixed(1)} seeds/s`);
    console.log(`  faults: ${JSON.stringify(faults)}`);
    console.log(`  ${JSON.stringify(rest)}`);
  };

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
  if (failures.length === 0) return;
  console.error(`failed seeds: ${failures.join(' ')}`);
  process.exitCode = 1;
}
