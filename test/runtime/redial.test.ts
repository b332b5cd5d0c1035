import { describe, expect, test } from 'vitest';
import type { Clock } from '../../src/runtime/clock.js';
import { Redial } from '../../src/runtime/redial.js';
import type { Connection } from '../../src/transport/connection.js';

/** Timers that fire when the test says so. */
class HandClock implements Clock {
  readonly timers = new Set<{ delayMs: number; callback: () => void }>();

  time = 0;
  now = (): number => this.time;
  defer = (callback: () => void): void => callback();
  yieldTurn = (callback: () => void): void => callback();

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { delayMs, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  get delays(): number[] {
    return [...this.timers].map(({ delayMs }) => delayMs);
  }

  fire(): void {
    for (const timer of [...this.timers]) {
      this.timers.delete(timer);
      timer.callback();
    }
  }
}

function setUp(addresses: string[], random = 0.5) {
  const clock = new HandClock();
  const dialed: string[] = [];
  const dials = addresses.map((address) => () => address as unknown as Connection);
  const redial = new Redial(
    dials,
    clock,
    () => random,
    (dial) => dialed.push(dial() as unknown as string),
  );
  return { clock, dialed, redial };
}

describe('one address', () => {
  test('is dialed again and again, each time later, with jitter', () => {
    const { clock, dialed, redial } = setUp(['a']);
    redial.now();
    const delays: number[] = [];
    for (let count = 0; count < 7; count++) {
      redial.afterFailure();
      delays.push(...clock.delays);
      clock.fire();
    }
    expect(delays).toEqual([500, 1_000, 2_500, 5_000, 15_000, 15_000, 15_000]);
    expect(dialed).toEqual(Array(8).fill('a'));
  });

  test('is dialed several times before the tunnel is given up, however often it failed', () => {
    const { clock, redial } = setUp(['a']);
    const delays: number[] = [];
    for (const leftMs of [30_000, 30_000, 30_000, 12_000, 6_000, 1_000, 0]) {
      redial.afterFailure(0, leftMs);
      delays.push(...clock.delays);
      clock.fire();
    }
    expect(delays).toEqual([500, 1_000, 2_500, 3_000, 1_500, 500, 500]);
    // What the peer asks for counts all the same.
    redial.afterFailure(9_000, 1_000);
    expect(clock.delays).toEqual([9_000]);
  });

  test('is not dialed before the peer said', () => {
    const { clock, redial } = setUp(['a']);
    redial.afterFailure(9_000);
    expect(clock.delays).toEqual([9_000]);
  });

  test('once it served well, its loss costs no time, and the next failure is a first one', () => {
    const { clock, redial } = setUp(['a']);
    for (let count = 0; count < 3; count++) redial.afterFailure();
    redial.succeeded();
    clock.time += 1_000;
    redial.afterLoss();
    expect(clock.delays).toEqual([0]);
    redial.afterFailure();
    expect(clock.delays).toEqual([500]);
  });

  test('a connection that is dropped as soon as it is there counts as a failure', () => {
    const { clock, redial } = setUp(['a']);
    const delays: number[] = [];
    for (let count = 0; count < 3; count++) {
      redial.succeeded();
      clock.time += 999;
      redial.afterLoss();
      delays.push(...clock.delays);
    }
    expect(delays).toEqual([500, 1_000, 2_500]);
  });

  test('waits for one thing at a time', () => {
    const { clock, redial } = setUp(['a']);
    redial.after(10);
    redial.after(20);
    expect(clock.delays).toEqual([20]);
    redial.now();
    expect(clock.delays).toEqual([]);
  });
});

describe('several addresses', () => {
  test('are all tried before anything is waited for', () => {
    const { clock, dialed, redial } = setUp(['a', 'b', 'c']);
    redial.now();
    const delays: number[] = [];
    for (let count = 0; count < 5; count++) {
      redial.afterFailure();
      delays.push(...clock.delays);
      clock.fire();
    }
    expect(dialed).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(delays).toEqual([0, 0, 500, 500, 500]);
  });

  test('the one that was good last is dialed first', () => {
    const { clock, dialed, redial } = setUp(['a', 'b']);
    redial.afterFailure();
    clock.fire();
    redial.succeeded();
    clock.time += 1_000;
    redial.afterLoss();
    clock.fire();
    expect(dialed).toEqual(['b', 'b']);
  });

  test('who waits in vain at one goes on to the next', () => {
    const { clock, dialed, redial } = setUp(['a', 'b']);
    redial.setStranded(true);
    redial.setStranded(true);
    expect(clock.delays).toEqual([4_000]);
    clock.fire();
    expect(dialed).toEqual(['b']);
  });

  test('who no longer waits stays', () => {
    const { clock, redial } = setUp(['a', 'b']);
    redial.setStranded(true);
    redial.setStranded(false);
    expect(clock.delays).toEqual([]);
  });
});

describe('wake', () => {
  test('dials at once what was waited for', () => {
    const { clock, dialed, redial } = setUp(['a']);
    redial.after(30_000);
    redial.wake();
    expect(dialed).toEqual(['a']);
    expect(clock.delays).toEqual([]);
  });

  test('does nothing when nothing is waited for, or all was called off', () => {
    const { clock, dialed, redial } = setUp(['a']);
    redial.wake();
    redial.after(5);
    redial.cancel();
    redial.wake();
    expect(dialed).toEqual([]);
    expect(clock.delays).toEqual([]);
  });
});
