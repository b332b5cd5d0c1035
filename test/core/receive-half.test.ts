import { describe, expect, test } from 'vitest';
import { ReceiveHalf } from '../../src/core/receive-half.js';

const WINDOW = 1000;
const make = (maxWindowBytes = 8 * WINDOW, early = 0) =>
  new ReceiveHalf({ windowBytes: WINDOW, maxWindowBytes }, early);

interface Arrival {
  bytes: number;
  at: number;
  exhausted?: boolean;
  read: number;
}

function arrive(half: ReceiveHalf, { bytes, at, exhausted = false, read }: Arrival): void {
  half.receiveData(bytes, exhausted, at);
  half.consume(read);
}

test('credit follows consumption, not arrival', () => {
  const half = make();
  expect(half.announce()).toBe(WINDOW);
  half.receiveData(WINDOW, false, 0);
  expect(half.grant()).toEqual({ consumed: 0, credit: WINDOW });
  half.consume(300);
  expect(half.grant()).toEqual({ consumed: 300, credit: WINDOW + 300 });
  expect(half.unreadBytes).toBe(700);
});

test('a CREDIT is due once an eighth of the window was consumed, counted from the last one', () => {
  const half = make();
  half.announce();
  half.receiveData(WINDOW, false, 0);
  expect(half.consume(124)).toBe(false);
  expect(half.consume(1)).toBe(true);
  half.grant();
  expect(half.consume(124)).toBe(false);
  expect(half.consume(1)).toBe(true);
});

test('a byte past the credit is a breach, the last byte within is not', () => {
  const half = make();
  half.announce();
  half.receiveData(WINDOW, false, 0);
  expect(() => half.receiveData(1, false, 0)).toThrow(expect.objectContaining({ code: 'FLOW_CONTROL' }));
  half.receiveData(0, false, 0);
});

test('before any announcement the early window counts, and announcing never takes it back', () => {
  const half = make(8 * WINDOW, 3000);
  half.receiveData(3000, false, 0);
  expect(() => half.receiveData(1, false, 0)).toThrow(expect.objectContaining({ code: 'FLOW_CONTROL' }));
  expect(half.announce()).toBe(3000);
});

describe('the window', () => {
  /** The credit lasts 8 ms; the next byte comes `silenceMs` after its last. */
  function useUpCredit(half: ReceiveHalf, at: number, silenceMs: number): void {
    arrive(half, { bytes: 400, at, read: 400 });
    arrive(half, { bytes: 600, at: at + 8, exhausted: true, read: 0 });
    half.consume(600);
    half.grant();
    arrive(half, { bytes: 1, at: at + 8 + silenceMs, read: 1 });
  }

  const windowOf = (half: ReceiveHalf): number => {
    const { consumed, credit } = half.grant();
    return credit - consumed;
  };

  test('doubles when the sender stalled for credit: a silence of over a quarter of the time the credit lasted', () => {
    const half = make();
    half.announce();
    useUpCredit(half, 0, 3);
    expect(windowOf(half)).toBe(2 * WINDOW);
  });

  test('stays when bytes kept coming, though the sender had used up its credit: a queue is in the way', () => {
    const half = make();
    half.announce();
    useUpCredit(half, 0, 2);
    expect(windowOf(half)).toBe(WINDOW);
  });

  test('stays when the sender had credit left, however long the silence', () => {
    const half = make();
    half.announce();
    arrive(half, { bytes: WINDOW - 1, at: 0, read: WINDOW - 1 });
    half.grant();
    arrive(half, { bytes: 1, at: 1000, read: 1 });
    expect(windowOf(half)).toBe(WINDOW);
  });

  test('stays for a reader that lags: more than half of it lay unread when the credit ran out', () => {
    const half = make();
    half.announce();
    arrive(half, { bytes: 501, at: 0, read: 0 });
    arrive(half, { bytes: 499, at: 8, exhausted: true, read: WINDOW });
    half.grant();
    arrive(half, { bytes: 1, at: 1000, read: 1 });
    expect(windowOf(half)).toBe(WINDOW);
  });

  test('stays while more than half of it lies unread when credit is given', () => {
    const half = make();
    half.announce();
    useUpCredit(half, 0, 100);
    arrive(half, { bytes: 900, at: 200, read: 300 });
    expect(windowOf(half)).toBe(WINDOW);
  });

  test('grows once for each stall, and never past the maximum', () => {
    const half = make(3 * WINDOW);
    half.announce();
    const windows: number[] = [];
    for (let round = 0; round < 4; round++) {
      useUpCredit(half, round * 1000, 500);
      windows.push(windowOf(half), windowOf(half));
    }
    expect(windows.slice(0, 4)).toEqual([2 * WINDOW, 2 * WINDOW, 3 * WINDOW, 3 * WINDOW]);
    expect(new Set(windows.slice(4))).toEqual(new Set([3 * WINDOW]));
  });
});

describe('a window of 1 MiB', () => {
  const MIB = 1024 * 1024;

  /** The credit lasts no time; the next byte comes `silenceMs` after its last. Returns the window then. */
  function stall(half: ReceiveHalf, at: number, silenceMs: number): number {
    const { credit } = half.grant();
    half.receiveData(credit - half.received, true, at);
    half.consume(half.unreadBytes);
    half.grant();
    arrive(half, { bytes: 1, at: at + silenceMs, read: 1 });
    const { consumed, credit: next } = half.grant();
    return next - consumed;
  }

  const windowsAfter = (silences: number[]): number[] => {
    const half = new ReceiveHalf({ windowBytes: MIB, maxWindowBytes: 4 * MIB }, 0);
    half.announce();
    let now = 0;
    return silences.map((silenceMs) => {
      const window = stall(half, now, silenceMs) / MIB;
      now += silenceMs;
      return window;
    });
  };

  test('grows when the sender stalled four times in a row for longer than a short path takes', () => {
    expect(windowsAfter([2, 2, 2, 2, 2, 2, 2, 2, 2])).toEqual([1, 1, 1, 2, 2, 2, 2, 4, 4]);
  });

  test('stays on a short path, however busy the machine is now and then', () => {
    expect(windowsAfter([1, 1, 1, 1, 50, 50, 50, 1.9, 50, 50])).toEqual(Array(10).fill(1));
  });
});

describe('END', () => {
  test('must count the bytes that came', () => {
    const half = make();
    half.announce();
    half.receiveData(10, false, 0);
    expect(() => half.receiveEnd(9)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    expect(() => half.receiveEnd(11)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    half.receiveEnd(10);
    expect(half.isDone).toBe(true);
  });

  test('is the last of it: no DATA, no second END, no more credit', () => {
    const half = make();
    half.announce();
    half.receiveData(WINDOW, false, 0);
    half.receiveEnd(WINDOW);
    expect(() => half.receiveData(1, false, 0)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    expect(() => half.receiveEnd(WINDOW)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    expect(half.consume(WINDOW)).toBe(false);
  });
});
