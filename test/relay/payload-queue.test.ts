import { expect, test } from 'vitest';
import { PayloadQueue } from '../../relay/payload-queue.js';
import { MessageWriter } from '../../src/core/message-writer.js';
import { joinMessage, type Message } from '../../src/protocol/message-parts.js';

const FRAME = 64 * 1024;
const filled = (length: number, fill: number) => new Uint8Array(length).fill(fill);

/** The next run of the queue, as its parts, with whether it ends a payload that was flagged. */
function move(queue: PayloadQueue, maxBytes: number): { parts: Message; exhausted: boolean } {
  const run = queue.nextRun(maxBytes);
  const message = new MessageWriter(new Uint8Array(run.isByReference ? 0 : run.length));
  const before = queue.length;
  const exhausted = queue.moveRun(message, run);
  expect([message.length, message.room, before - queue.length]).toEqual([run.length, 0, run.length]);
  return { parts: message.finish() ?? [], exhausted };
}

function take(queue: PayloadQueue, maxBytes: number): { bytes: number[]; exhausted: boolean } {
  const { parts, exhausted } = move(queue, maxBytes);
  return { bytes: [...joinMessage(parts)], exhausted };
}

test('a large payload comes out as the object it went in', () => {
  const queue = new PayloadQueue();
  const payload = filled(10_000, 1);
  queue.push(payload, false);
  expect(queue.nextRun(FRAME)).toEqual({ length: 10_000, isByReference: true });
  const { parts } = move(queue, FRAME);
  expect(parts[0]).toBe(payload);
  expect([queue.length, queue.nextRun(FRAME).length]).toEqual([0, 0]);
});

test('from 8 KiB on what one frame takes of a payload is passed by reference, below it is copied', () => {
  const queue = new PayloadQueue();
  const payload = filled(2 * 8192 - 1, 1);
  queue.push(payload, false);
  expect(queue.nextRun(8191)).toEqual({ length: 8191, isByReference: false });
  expect(queue.nextRun(8192)).toEqual({ length: 8192, isByReference: true });
  const slice = move(queue, 8192).parts[0];
  expect([slice?.buffer, slice?.byteOffset, slice?.length]).toEqual([payload.buffer, 0, 8192]);
  expect(queue.nextRun(FRAME)).toEqual({ length: 8191, isByReference: false });
});

test('small payloads share a frame, up to the next large one', () => {
  const queue = new PayloadQueue();
  for (const length of [1, 2000, 3000, 9000, 4000, 10]) queue.push(new Uint8Array(length), false);
  const runs = [];
  for (let run = queue.nextRun(FRAME); run.length > 0; run = queue.nextRun(FRAME)) {
    runs.push(run);
    move(queue, FRAME);
  }
  expect(runs).toEqual([
    { length: 5001, isByReference: false },
    { length: 9000, isByReference: true },
    { length: 4010, isByReference: false },
  ]);
});

test('without room, or empty, it gives nothing', () => {
  const queue = new PayloadQueue();
  expect(queue.nextRun(FRAME).length).toBe(0);
  queue.push(filled(10, 1), true);
  for (const maxBytes of [0, -5]) expect(queue.nextRun(maxBytes).length).toBe(0);
  expect(queue.length).toBe(10);
});

test('bytes come out in order, whatever was gathered', () => {
  const queue = new PayloadQueue();
  const sizes = [3, 1, 2000, 5, 1023, 1024, 1, 9000, 4, 8192];
  for (const [index, size] of sizes.entries()) queue.push(filled(size, index + 1), false);
  const expected = sizes.flatMap((size, index) => Array<number>(size).fill(index + 1));
  expect(queue.length).toBe(expected.length);
  const bytes: number[] = [];
  for (let step = 1; queue.length > 0; step = (step * 7) % 10_007) bytes.push(...take(queue, step).bytes);
  expect(bytes).toEqual(expected);
});

test('a hundred thousand small payloads behind another become a few, and leave in a few frames', () => {
  const queue = new PayloadQueue();
  queue.push(filled(1, 0), false);
  for (let count = 0; count < 100_000; count++) queue.push(filled(1, count & 255), false);
  const { payloads } = queue as unknown as { payloads: { length: number } };
  expect(payloads.length).toBeLessThan(20);
  expect(take(queue, 1).bytes).toEqual([0]);
  const bytes: number[] = [];
  let frames = 0;
  for (; queue.length > 0; frames++) bytes.push(...take(queue, FRAME).bytes);
  expect(frames).toBeLessThan(20);
  expect(bytes).toEqual(Array.from({ length: 100_000 }, (_, count) => count & 255));
});

test('what waits is no view of a larger message, and does not change with it', () => {
  const queue = new PayloadQueue();
  const message = filled(100_000, 7);
  for (const [start, end] of [
    [0, 5000],
    [5000, 6000],
    [6000, 6010],
  ] as const)
    queue.push(message.subarray(start, end), false);
  message.fill(0xee);
  const bytes: number[] = [];
  while (queue.length > 0) bytes.push(...take(queue, FRAME).bytes);
  expect([bytes.length, new Set(bytes)]).toEqual([6010, new Set([7])]);
});

test('a flag is told with the last byte of its payload', () => {
  const queue = new PayloadQueue();
  queue.push(filled(10_000, 1), true);
  queue.push(filled(2000, 2), true);
  queue.push(filled(2000, 3), false);
  const flags = [9999, 1, 1999, 2, 1999].map((step) => move(queue, step).exhausted);
  expect(flags).toEqual([false, true, false, true, false]);
});

test('the flag of a gathered payload is told with the last byte of what it was gathered with', () => {
  const queue = new PayloadQueue();
  queue.push(filled(2, 1), false);
  queue.push(filled(2, 2), true);
  expect(take(queue, 2)).toEqual({ bytes: [1, 1], exhausted: false });
  expect(take(queue, 1)).toEqual({ bytes: [2], exhausted: false });
  expect(take(queue, 1)).toEqual({ bytes: [2], exhausted: true });
});

test('a frame of several payloads is flagged when any of them was', () => {
  for (const flagged of [0, 1, 2]) {
    const queue = new PayloadQueue();
    for (const index of [0, 1, 2]) queue.push(filled(2000, index), index === flagged);
    expect(move(queue, FRAME).exhausted, `payload ${flagged}`).toBe(true);
  }
});

test('cleared, it holds nothing, not even what was being gathered', () => {
  const queue = new PayloadQueue();
  queue.push(filled(5, 1), true);
  queue.push(filled(5, 2), true);
  move(queue, 2);
  queue.clear();
  expect([queue.length, queue.nextRun(FRAME).length]).toEqual([0, 0]);
  queue.push(filled(3, 3), false);
  expect(take(queue, FRAME)).toEqual({ bytes: [3, 3, 3], exhausted: false });
});
