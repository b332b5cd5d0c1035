import { expect, test } from 'vitest';
import { DeadlineTimer } from '../../src/runtime/deadline-timer.js';
import { SteppedClock } from './stepped-clock.js';

function start() {
  const clock = new SteppedClock();
  const timer = new DeadlineTimer(clock);
  const called: number[] = [];
  return { clock, timer, called, due: () => void called.push(clock.now()) };
}

test('an earlier deadline moves it, a later one is looked at in passing', () => {
  const { clock, timer, called, due } = start();
  timer.arm(100, due);
  timer.arm(200, due);
  timer.arm(50, due);
  expect(clock.timerCount).toBe(1);
  clock.elapse(300);
  expect(called).toEqual([50]);
  timer.arm(310, due);
  clock.elapse(10);
  expect(called).toEqual([50, 310]);
});

test('a deadline that is gone leaves no timer, and neither does an end', () => {
  const { clock, timer, called, due } = start();
  timer.arm(100, due);
  timer.arm(Number.POSITIVE_INFINITY, due);
  expect(clock.timerCount).toBe(0);
  timer.arm(100, due);
  timer.cancel();
  timer.cancel();
  clock.elapse(1000);
  expect([clock.timerCount, called]).toEqual([0, []]);
});

test('what is set stands in the place of what was armed, later or not', () => {
  const { clock, timer, called, due } = start();
  timer.arm(100, () => expect.fail('is no more'));
  timer.set(500, due);
  clock.elapse(1000);
  expect([clock.timerCount, called]).toEqual([0, [500]]);
});

test('may be armed again by who is called', () => {
  const { clock, timer, called, due } = start();
  timer.arm(100, () => {
    due();
    timer.arm(150, due);
  });
  clock.elapse(1000);
  expect(called).toEqual([100, 150]);
});
