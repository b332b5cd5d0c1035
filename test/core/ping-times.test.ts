import { expect, test } from 'vitest';
import { PingTimes } from '../../src/core/ping-times.js';

function payload(high: number, low: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, high);
  new DataView(bytes.buffer).setUint32(4, low);
  return bytes;
}

test('each ping has a number of its own, and its answer is timed once', () => {
  const times = new PingTimes();
  const [first, second] = [times.next(100), times.next(150)];
  expect([first.sequence, second.sequence]).toEqual([1, 2]);
  expect(times.answered(second.payload, 180)).toEqual({ sequence: 2, roundTripMs: 30 });
  expect(times.answered(second.payload, 190)).toBeUndefined();
  expect(times.answered(first.payload, 200)).toEqual({ sequence: 1, roundTripMs: 100 });
});

test('the payload may lie anywhere in a message', () => {
  const times = new PingTimes();
  const message = new Uint8Array(20);
  message.set(times.next(0).payload, 7);
  expect(times.answered(message.subarray(7, 15), 5)).toEqual({ sequence: 1, roundTripMs: 5 });
});

test('what was made up measures nothing, and takes nothing away', () => {
  const times = new PingTimes();
  const { payload: real } = times.next(0);
  for (const made of [payload(0, 0), payload(0, 2), payload(1, 1), payload(0xffff_ffff, 0xffff_ffff)])
    expect(times.answered(made, 10)).toBeUndefined();
  expect(times.answered(real, 10)).toEqual({ sequence: 1, roundTripMs: 10 });
});

test('of more than 64 that are unanswered the oldest are not waited for', () => {
  const times = new PingTimes();
  const pings = Array.from({ length: 70 }, (_, index) => times.next(index));
  expect(pings.slice(0, 6).map(({ payload: late }) => times.answered(late, 1000))).toEqual(Array(6).fill(undefined));
  expect(pings.slice(6).map(({ payload: own }) => times.answered(own, 1000)?.sequence)).toEqual(
    Array.from({ length: 64 }, (_, index) => index + 7),
  );
});
