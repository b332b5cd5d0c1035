import { beforeEach, expect, test } from 'vitest';
import type { StreamCore } from '../../src/core/stream.js';
import { Suspensions } from '../../src/core/suspensions.js';

const NEVER = Number.POSITIVE_INFINITY;

interface Fake {
  isInitiator: boolean;
  isSuspended: boolean;
  isLingering: boolean;
}

function fake(fields: Partial<Fake> = {}): StreamCore & Fake {
  return { isInitiator: true, isSuspended: true, isLingering: false, ...fields } as unknown as StreamCore & Fake;
}

let suspensions: Suspensions;
beforeEach(() => {
  suspensions = new Suspensions();
});

test('with none there is nothing to wait for', () => {
  expect([suspensions.nextDeadline(), suspensions.nextRetry(), suspensions.size]).toEqual([NEVER, NEVER, 0]);
  expect([suspensions.due(1e9), suspensions.expired(1e9), suspensions.leastMissed()]).toEqual([[], [], undefined]);
});

test('expire at their deadlines, not before', () => {
  const [first, second] = [fake(), fake()];
  suspensions.add(first, 100, 0);
  suspensions.add(second, 200, 0);
  expect(suspensions.nextDeadline()).toBe(100);
  expect(suspensions.expired(99)).toEqual([]);
  expect(suspensions.expired(100)).toEqual([first]);
  expect(suspensions.expired(200)).toEqual([first, second]);
});

test('a second loss does not move the deadline, a new suspension has a new one', () => {
  const stream = fake();
  suspensions.add(stream, 100, 0);
  suspensions.add(stream, 500, 50);
  expect([suspensions.deadlineOf(stream), suspensions.nextRetry(), suspensions.size]).toEqual([100, 50, 1]);
  suspensions.remove(stream);
  expect([suspensions.deadlineOf(stream), suspensions.size]).toEqual([undefined, 0]);
  suspensions.add(stream, 500, 50);
  expect(suspensions.deadlineOf(stream)).toBe(500);
});

test('are opened again by their openers, when it is their time', () => {
  const [soon, late, theirs] = [fake(), fake(), fake({ isInitiator: false })];
  suspensions.add(theirs, 100, 0);
  suspensions.add(late, 100, 30);
  suspensions.add(soon, 100, 20);
  expect(suspensions.nextRetry()).toBe(20);
  expect(suspensions.due(19)).toEqual([]);
  expect(suspensions.due(20)).toEqual([soon]);
  expect(suspensions.due(30)).toEqual([late, soon]);
});

test('one that waits for its answer is not opened again, but can expire', () => {
  const stream = fake();
  suspensions.add(stream, 100, 0);
  stream.isSuspended = false;
  expect([suspensions.due(50), suspensions.nextRetry()]).toEqual([[], NEVER]);
  expect([suspensions.expired(100), suspensions.nextDeadline()]).toEqual([[stream], 100]);
});

test('makes room with the oldest that no application misses', () => {
  const [alive, old, young] = [fake(), fake({ isLingering: true }), fake({ isLingering: true })];
  for (const stream of [alive, old, young]) suspensions.add(stream, 100, 0);
  expect([suspensions.ownLingering(), suspensions.leastMissed()]).toEqual([old, undefined]);
  suspensions.remove(old);
  suspensions.remove(young);
  expect(suspensions.ownLingering()).toBeUndefined();
});

test("of the others' it misses least what is over, then what has been away for longest", () => {
  const theirs = { isInitiator: false };
  const [first, second, over] = [fake(theirs), fake(theirs), fake({ ...theirs, isLingering: true })];
  for (const stream of [first, second, over]) suspensions.add(stream, 100, 0);
  expect([suspensions.othersCount, suspensions.leastMissed(), suspensions.ownLingering()]).toEqual([
    3,
    over,
    undefined,
  ]);
  suspensions.remove(over);
  expect(suspensions.leastMissed()).toBe(first);
});

test('counts of its own those that have no id', () => {
  const [without, waiting] = [fake(), fake({ isSuspended: false })];
  for (const stream of [without, waiting, fake({ isInitiator: false })]) suspensions.add(stream, 100, 0);
  expect([suspensions.withoutPlaceCount, suspensions.size]).toEqual([1, 3]);
});

test('a new connection ends every wait, and moves no deadline', () => {
  const [waiting, due] = [fake(), fake()];
  suspensions.add(waiting, 1_000, 500);
  suspensions.add(due, 1_000, 10);
  suspensions.retryAll(100);
  expect(suspensions.due(99)).toEqual([due]);
  expect(suspensions.due(100)).toEqual([waiting, due]);
  expect(suspensions.deadlineOf(waiting)).toBe(1_000);
});
