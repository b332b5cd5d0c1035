import { expect, test } from 'vitest';
import { runAcceptorSeed } from './acceptor-scenario.js';
import { addUp, named } from './seed-outcome.js';

/** Always the same ones; `acceptor-soak.ts` runs thousands of others. */
const SEEDS = Array.from({ length: 150 }, (_, index) => index + 1);
const runSeed = named(runAcceptorSeed);

test('whatever happens between a dialer and its acceptor, both of whom open streams, nothing is lost, said twice, or left', {
  timeout: 600_000,
}, () => {
  const { faults, suspensions, finished, openedByDialer, openedByAcceptor } = addUp(SEEDS.map(runSeed));
  // A world in which nothing goes wrong would keep every promise.
  for (const [fault, count] of Object.entries(faults)) expect([fault, count > 0]).toEqual([fault, true]);
  expect(suspensions).toBeGreaterThan(SEEDS.length);
  expect(Math.min(finished, openedByDialer, openedByAcceptor)).toBeGreaterThan(2 * SEEDS.length);
});

test('a seed replays exactly', () => {
  expect(runSeed(7)).toEqual(runSeed(7));
});
