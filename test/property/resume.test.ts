import { expect, test } from 'vitest';
import { runResumeSeed } from './resume-scenario.js';
import { addUp, named } from './seed-outcome.js';

/** Always the same ones; `resume-soak.ts` runs thousands of others. */
const SEEDS = Array.from({ length: 48 }, (_, index) => index + 1);
const runSeed = named(runResumeSeed);

test('whatever happens to connections and relays, streams lose nothing, say nothing twice, and leave nothing behind', {
  timeout: 600_000,
}, () => {
  const { faults, suspensions, finished } = addUp(SEEDS.map(runSeed));
  // A world in which nothing goes wrong would keep every promise.
  for (const [fault, count] of Object.entries(faults)) expect([fault, count > 0]).toEqual([fault, true]);
  expect(suspensions).toBeGreaterThan(SEEDS.length);
  expect(finished).toBeGreaterThan(SEEDS.length);
});

test('a seed replays exactly', () => {
  expect(runSeed(7)).toEqual(runSeed(7));
});
