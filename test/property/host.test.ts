import { expect, test } from 'vitest';
import { addUpHosts, runNamedHostSeed } from './host-scenario.js';

/** Always the same ones; `host-soak.ts` runs thousands of others. */
const SEEDS = Array.from({ length: 150 }, (_, index) => index + 1);

test('whatever happens between a dialer and its host, both of whom open streams, nothing is lost, said twice, or left', {
  timeout: 600_000,
}, () => {
  const { faults, suspensions, finished, openedByDialer, openedByHost } = addUpHosts(SEEDS.map(runNamedHostSeed));
  // A world in which nothing goes wrong would keep every promise.
  for (const [fault, count] of Object.entries(faults)) expect([fault, count > 0]).toEqual([fault, true]);
  expect(suspensions).toBeGreaterThan(SEEDS.length);
  expect(Math.min(finished, openedByDialer, openedByHost)).toBeGreaterThan(2 * SEEDS.length);
});

test('a seed replays exactly', () => {
  expect(runNamedHostSeed(7)).toEqual(runNamedHostSeed(7));
});
