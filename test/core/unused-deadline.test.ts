import { expect, test } from 'vitest';
import { UnusedDeadline } from '../../src/core/unused-deadline.js';

const NEVER = Number.POSITIVE_INFINITY;

test('for many streams: so long after the last one, and what comes between puts it off', () => {
  const deadline = new UnusedDeadline('multi', 500);
  expect(deadline.next()).toBe(NEVER);
  deadline.unused(1000, true);
  expect([deadline.next(), deadline.reason(1499)]).toEqual([1500, undefined]);
  expect(deadline.reason(1500)).toBe('it carried no stream for 500 ms');
  deadline.used();
  expect([deadline.next(), deadline.reason(9000), deadline.isUsedUp]).toEqual([NEVER, undefined, false]);
  deadline.unused(9000, true);
  // It is as unused as it was.
  deadline.unused(9300, true);
  expect(deadline.next()).toBe(9500);
});

test('before it has been open there is nothing to be idle with', () => {
  const deadline = new UnusedDeadline('multi', 500);
  deadline.unused(0, false);
  expect(deadline.next()).toBe(NEVER);
});

test('without a timeout: never', () => {
  const deadline = new UnusedDeadline('multi', 0);
  deadline.unused(0, true);
  deadline.used();
  deadline.unused(5, true);
  expect(deadline.next()).toBe(NEVER);
});

test('for one stream: at once behind it, and no other is taken', () => {
  const deadline = new UnusedDeadline('stream', 0);
  deadline.unused(0, true);
  expect([deadline.next(), deadline.isUsedUp]).toEqual([NEVER, false]);
  deadline.used();
  expect([deadline.next(), deadline.isUsedUp]).toEqual([NEVER, true]);
  deadline.unused(7, false);
  expect([deadline.next(), deadline.reason(7)]).toEqual([7, 'its only stream is over']);
});

test('for one stream, which never comes: the timeout', () => {
  const deadline = new UnusedDeadline('stream', 500);
  deadline.unused(0, true);
  expect(deadline.reason(500)).toBe('it carried no stream for 500 ms');
});
