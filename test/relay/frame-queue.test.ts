import { expect, test } from 'vitest';
import { FrameQueue } from '../../relay/frame-queue.js';
import { HEADER_BYTES } from '../../src/protocol/constants.js';
import { writeDataHeader } from '../../src/protocol/encode.js';
import { readFlag, readLength } from '../../src/protocol/header.js';

function data(length: number, fill: number, exhausted = false): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + length).fill(fill);
  writeDataHeader(frame, 0, 7, length, exhausted);
  return frame;
}

function take(queue: FrameQueue, count: number): { bytes: number[]; exhausted: boolean } {
  const target = new Uint8Array(count);
  const exhausted = queue.moveTo(target, 0, count);
  return { bytes: [...target], exhausted };
}

test('a large frame comes out as the object it went in', () => {
  const queue = new FrameQueue();
  const frame = data(10_000, 1);
  queue.push(frame);
  expect(queue.peekWhole()).toBe(frame);
  expect(queue.takeWhole()).toBe(frame);
  expect([queue.length, queue.peekWhole()]).toEqual([0, undefined]);
});

test('bytes come out in order, whatever was gathered', () => {
  const queue = new FrameQueue();
  const sizes = [3, 1, 2000, 5, 1023, 1024, 1, 0, 4];
  sizes.forEach((size, index) => void queue.push(data(size, index + 1)));
  const expected = sizes.flatMap((size, index) => Array<number>(size).fill(index + 1));
  expect(queue.length).toBe(expected.length);
  const bytes: number[] = [];
  for (let left = expected.length, step = 1; left > 0; left -= step) {
    step = Math.min(left, (step * 7) % 501);
    bytes.push(...take(queue, step).bytes);
  }
  expect(bytes).toEqual(expected);
  expect(queue.length).toBe(0);
});

test('a hundred thousand small frames behind another become a few large ones, with right headers', () => {
  const queue = new FrameQueue();
  queue.push(data(1, 0));
  for (let count = 0; count < 100_000; count++) queue.push(data(1, count & 255));
  expect(queue.takeWhole()).toEqual(data(1, 0));
  let frames = 0;
  for (let frame = queue.peekWhole(); frame; frame = queue.peekWhole()) {
    expect(readLength(frame, 0)).toBe(frame.length - HEADER_BYTES);
    queue.takeWhole();
    frames++;
  }
  expect(frames).toBeLessThan(20);
  expect(queue.length).toBe(0);
});

test('the flag of a gathered frame is told where its last byte is, at the latest with the frame that holds it', () => {
  const queue = new FrameQueue();
  queue.push(data(2, 1));
  queue.push(data(2, 2, true));
  expect(take(queue, 2)).toEqual({ bytes: [1, 1], exhausted: false });
  const gathered = queue.peekWhole() as Uint8Array;
  expect(readFlag(gathered, 0)).toBe(true);
  expect(take(queue, 1).exhausted).toBe(false);
  expect(take(queue, 1).exhausted).toBe(true);
});

test('cleared, it holds nothing, not even what was being gathered', () => {
  const queue = new FrameQueue();
  queue.push(data(5, 1));
  queue.push(data(5, 2));
  queue.clear();
  expect([queue.length, queue.peekWhole()]).toEqual([0, undefined]);
  queue.push(data(3, 3));
  expect(take(queue, 3).bytes).toEqual([3, 3, 3]);
});
