import { expect, test } from 'vitest';
import { TrunklineError } from '../../src/protocol/errors.js';
import { RoundTrips } from '../../src/runtime/round-trips.js';

const lost = new TrunklineError('CONNECTION_LOST', 'cut');

test('each is told of its own answer, once, in whatever order they come', async () => {
  const trips = new RoundTrips();
  let sequence = 0;
  const send = () => ++sequence;
  const [first, second] = [trips.measure(send), trips.measure(send)];
  trips.answered(2, 20);
  trips.answered(1, 10);
  trips.answered(1, 99);
  trips.answered(7, 70);
  expect(await Promise.all([first, second])).toEqual([10, 20]);
  trips.end(lost);
});

test('past 32 nothing is sent', async () => {
  const trips = new RoundTrips();
  let sequence = 0;
  const waiting = Array.from({ length: 32 }, () => trips.measure(() => ++sequence));
  await expect(trips.measure(() => ++sequence)).rejects.toMatchObject({ code: 'LIMIT_RATE' });
  expect(sequence).toBe(32);
  // An answer makes room.
  trips.answered(5, 1);
  const another = trips.measure(() => ++sequence);
  trips.end(lost);
  const results = await Promise.allSettled([...waiting, another]);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as TrunklineError] : []));
  expect(new Set(reasons.map(({ code }) => code))).toEqual(new Set(['CONNECTION_LOST']));
  // Each has an error of its own: what one does to it is not the other's to see.
  expect(new Set(reasons).size).toBe(32);
});
