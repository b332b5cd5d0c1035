import { describe, expect, test } from 'vitest';
import { ReceiveHalf } from '../../src/core/receive-half.js';

const WINDOW = 1000;
const make = (maxWindowBytes = 8 * WINDOW, early = 0) =>
  new ReceiveHalf({ windowBytes: WINDOW, maxWindowBytes }, early);

/** One window comes, and is read at once or not. */
function fill(half: ReceiveHalf, bytes: number, options: { exhausted: boolean; read: number }): void {
  half.receiveData(bytes, options.exhausted);
  half.consume(options.read);
}

test('credit follows consumption, not arrival', () => {
  const half = make();
  expect(half.announce()).toBe(WINDOW);
  half.receiveData(WINDOW, false);
  expect(half.grant()).toEqual({ consumed: 0, credit: WINDOW });
  half.consume(300);
  expect(half.grant()).toEqual({ consumed: 300, credit: WINDOW + 300 });
  expect(half.unreadBytes).toBe(700);
});

test('a CREDIT is due once a quarter of the window was consumed, counted from the last one', () => {
  const half = make();
  half.announce();
  half.receiveData(WINDOW, false);
  expect(half.consume(249)).toBe(false);
  expect(half.consume(1)).toBe(true);
  half.grant();
  expect(half.consume(249)).toBe(false);
  expect(half.consume(1)).toBe(true);
});

test('a byte past the credit is a breach, the last byte within is not', () => {
  const half = make();
  half.announce();
  half.receiveData(WINDOW, false);
  expect(() => half.receiveData(1, false)).toThrow(expect.objectContaining({ code: 'FLOW_CONTROL' }));
  half.receiveData(0, false);
});

test('before any announcement the early window counts, and announcing never takes it back', () => {
  const half = make(8 * WINDOW, 3000);
  half.receiveData(3000, false);
  expect(() => half.receiveData(1, false)).toThrow(expect.objectContaining({ code: 'FLOW_CONTROL' }));
  expect(half.announce()).toBe(3000);
});

describe('the window', () => {
  test('doubles while the sender runs out and the reader keeps up, up to the maximum', () => {
    const half = make(3 * WINDOW);
    let credit = half.announce();
    let consumed = 0;
    const windows: number[] = [];
    for (let round = 0; round < 4; round++) {
      fill(half, credit - consumed, { exhausted: true, read: credit - consumed });
      ({ consumed, credit } = half.grant());
      windows.push(credit - consumed);
    }
    expect(windows).toEqual([2 * WINDOW, 3 * WINDOW, 3 * WINDOW, 3 * WINDOW]);
  });

  test('does not grow for a sender that had credit left', () => {
    const half = make();
    half.announce();
    fill(half, WINDOW, { exhausted: false, read: WINDOW });
    expect(half.grant()).toEqual({ consumed: WINDOW, credit: 2 * WINDOW });
  });

  test('does not grow for a reader that lags: more than half of it lies unread', () => {
    const half = make();
    half.announce();
    fill(half, WINDOW, { exhausted: true, read: 499 });
    expect(half.grant()).toEqual({ consumed: 499, credit: WINDOW + 499 });
  });

  test('grows once for each time the sender ran out', () => {
    const half = make();
    half.announce();
    fill(half, WINDOW, { exhausted: true, read: WINDOW });
    expect(half.grant().credit).toBe(WINDOW + 2 * WINDOW);
    expect(half.grant().credit).toBe(WINDOW + 2 * WINDOW);
  });
});

describe('END', () => {
  test('must count the bytes that came', () => {
    const half = make();
    half.announce();
    half.receiveData(10, false);
    expect(() => half.receiveEnd(9)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    expect(() => half.receiveEnd(11)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    half.receiveEnd(10);
    expect(half.isDone).toBe(true);
  });

  test('is the last of it: no DATA, no second END, no more credit', () => {
    const half = make();
    half.announce();
    half.receiveData(WINDOW, false);
    half.receiveEnd(WINDOW);
    expect(() => half.receiveData(1, false)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    expect(() => half.receiveEnd(WINDOW)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    expect(half.consume(WINDOW)).toBe(false);
  });
});
