import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MESSAGE_TARGET_BYTES, QUANTUM_BYTES, Scheduler } from '../../src/core/scheduler.js';
import { HEADER_BYTES } from '../../src/protocol/constants.js';
import { encodeEndAck, encodePing, writeDataHeader } from '../../src/protocol/encode.js';
import type { Frame } from '../../src/protocol/frames.js';
import { joinMessage, type Message, messageBytes } from '../../src/protocol/message-parts.js';
import { decodeMessage } from '../support/decode-message.js';
import { FakeAttachment } from './fake-attachment.js';

const FRAME = 64 * 1024;
const MESSAGE = 128 * 1024;
const PASSED_BYTES = QUANTUM_BYTES + 10_000;

function header(id: number, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeDataHeader(bytes, 0, id, length, false);
  return bytes;
}

/** A stream that passes so many payloads, filled with 1, 2, ... */
function passing(id: number, count: number, length = PASSED_BYTES): FakeAttachment {
  const attachment = new FakeAttachment(id);
  for (let index = 1; index <= count; index++) attachment.passed.push(new Uint8Array(length).fill(index));
  return attachment;
}

function framesOf(message: Message): Frame[] {
  const { frames, error } = decodeMessage(joinMessage(message), FRAME);
  expect(error).toBeUndefined();
  return frames;
}

function sizes(message: Message | undefined): string[] {
  return framesOf(message!).map((frame) => {
    const id = 'id' in frame ? ` ${frame.id}` : '';
    return `${frame.type}${id}${frame.type === 'DATA' ? ` ${frame.payload.length}` : ''}`;
  });
}

test('a payload is passed by reference: the very memory, behind its header, in its turn', () => {
  const scheduler = new Scheduler();
  const stream = passing(1, 1);
  const [payload] = stream.passed;
  scheduler.queueData(stream);
  scheduler.queueControl(encodeEndAck(7));
  const message = scheduler.takeMessage(FRAME, MESSAGE)!;
  expect(message).toHaveLength(2);
  expect(message[0]).toEqual(Uint8Array.of(...encodeEndAck(7), ...header(1, PASSED_BYTES)));
  expect([message[1]?.buffer, message[1]?.length]).toEqual([payload?.buffer, PASSED_BYTES]);
  // Nor is memory allocated for it.
  expect(message[0]?.buffer.byteLength).toBeLessThan(1024);
  expect(scheduler.isIdle).toBe(true);
});

test('several streams that pass take turns by the quantum, each slice where it lay', () => {
  const scheduler = new Scheduler();
  const streams = [passing(1, 1), passing(2, 1)];
  const payloads = streams.map(({ passed }) => passed[0]!);
  for (const stream of streams) scheduler.queueData(stream);
  const message = [...scheduler.takeMessage(FRAME, MESSAGE)!, ...scheduler.takeMessage(FRAME, MESSAGE)!];
  const rest = PASSED_BYTES - QUANTUM_BYTES;
  expect(sizes(message)).toEqual([
    `DATA 1 ${QUANTUM_BYTES}`,
    `DATA 2 ${QUANTUM_BYTES}`,
    `DATA 1 ${rest}`,
    `DATA 2 ${rest}`,
  ]);
  const slices = message.filter((_, index) => index % 2 === 1);
  expect(slices.map(({ buffer, byteOffset }) => [buffer === payloads[0]?.buffer, byteOffset])).toEqual([
    [true, 0],
    [false, 0],
    [true, QUANTUM_BYTES],
    [false, QUANTUM_BYTES],
  ]);
  expect(scheduler.isIdle).toBe(true);
});

test('a lone stream that passes fills frames as large as the peer takes', () => {
  const scheduler = new Scheduler();
  scheduler.queueData(passing(1, 2, 100_000));
  const messages = [1, 2, 3].map(() => sizes(scheduler.takeMessage(FRAME, MESSAGE)));
  expect(messages).toEqual([
    [`DATA 1 ${FRAME}`],
    [`DATA 1 ${100_000 - FRAME}`, `DATA 1 ${FRAME}`],
    [`DATA 1 ${100_000 - FRAME}`],
  ]);
  expect(scheduler.isIdle).toBe(true);
});

test('a message ends near the target size, what is passed included', () => {
  const scheduler = new Scheduler();
  for (let id = 1; id <= 6; id++) scheduler.queueData(passing(id, 3));
  for (const left of [1, 2, 3]) {
    const bytes = messageBytes(scheduler.takeMessage(FRAME, MESSAGE)!);
    expect(bytes, `message ${left}`).toBeGreaterThanOrEqual(MESSAGE_TARGET_BYTES);
    expect(bytes, `message ${left}`).toBeLessThan(MESSAGE_TARGET_BYTES + HEADER_BYTES + QUANTUM_BYTES);
  }
});

test('one that passes and one that copies have equal shares, in the order of their turns', () => {
  const scheduler = new Scheduler();
  scheduler.queueData(passing(1, 10, 2 * QUANTUM_BYTES));
  scheduler.queueData(new FakeAttachment(2, 20 * QUANTUM_BYTES));
  const ids: number[] = [];
  for (let message = scheduler.takeMessage(FRAME, MESSAGE); message; message = scheduler.takeMessage(FRAME, MESSAGE)) {
    for (const frame of framesOf(message)) {
      if (frame.type !== 'DATA') return expect.unreachable();
      // A turn that copies is cut to what is left of its message.
      const isWhole = frame.payload.length === QUANTUM_BYTES;
      const isCut = frame.id === 2 && frame.payload.length > QUANTUM_BYTES - 100;
      expect(isWhole || isCut || ids.length === 40).toBe(true);
      ids.push(frame.id);
    }
  }
  expect(ids.slice(0, 40)).toEqual(Array.from({ length: 20 }, () => [1, 2]).flat());
  // What the cuts left over.
  expect(ids.slice(40)).toEqual([2]);
});

test('a small message waits for one quantum of each stream that passes', () => {
  const scheduler = new Scheduler();
  for (const id of [1, 2, 3]) scheduler.queueData(passing(id, 100));
  scheduler.takeMessage(FRAME, MESSAGE);
  scheduler.queueData(new FakeAttachment(9, 5));
  const turns: string[] = [];
  while (!turns.includes('DATA 9 5')) turns.push(...sizes(scheduler.takeMessage(FRAME, MESSAGE)));
  const before = turns.slice(0, turns.indexOf('DATA 9 5')).map((turn) => turn.split(' ')[1]);
  expect(before.toSorted()).toEqual(['1', '2', '3']);
});

/** A stream's payloads to pass, and how many bytes it copies behind them. */
const anyStream = fc.record({
  passed: fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 5 }),
  copied: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 70_000 })),
});

const anyLimits = fc
  .record({
    maxFrameBytes: fc.integer({ min: 1024, max: 80_000 }),
    maxMessageBytes: fc.integer({ min: 20 * 1024, max: MESSAGE }),
  })
  .filter(({ maxFrameBytes, maxMessageBytes }) => maxMessageBytes >= maxFrameBytes + 1024);

function build(id: number, { passed, copied }: { passed: number[]; copied: number }): FakeAttachment {
  const attachment = new FakeAttachment(id, copied);
  // What is copied is filled with the id; what is passed, with another number for each stream.
  for (const length of passed) attachment.passed.push(new Uint8Array(length).fill(100 + id));
  return attachment;
}

/** All that a scheduler sends under these limits, each message of which keeps to them. */
function takeAll(scheduler: Scheduler, limits: { maxFrameBytes: number; maxMessageBytes: number }): Frame[] {
  const frames: Frame[] = [];
  while (!scheduler.isIdle) {
    const message = scheduler.takeMessage(limits.maxFrameBytes, limits.maxMessageBytes);
    if (message === undefined) throw new Error('it has something to send, and sends nothing');
    expect(messageBytes(message)).toBeLessThanOrEqual(limits.maxMessageBytes);
    const decoded = decodeMessage(joinMessage(message), limits.maxFrameBytes);
    expect(decoded.error).toBeUndefined();
    frames.push(...decoded.frames);
  }
  return frames;
}

/** Between two turns of one stream each other one has one at most. */
function expectRounds(ids: number[]): void {
  const lastTurns = new Map<number, number>();
  for (const [turn, id] of ids.entries()) {
    const between = ids.slice((lastTurns.get(id) ?? turn) + 1, turn);
    expect(new Set(between).size, `before turn ${turn} of ${ids.join()}`).toBe(between.length);
    lastTurns.set(id, turn);
  }
}

test('any mixture: no message over the limit or without bytes, every byte in order, turns go round', () => {
  fc.assert(
    fc.property(
      fc.array(anyStream, { minLength: 1, maxLength: 8 }),
      fc.nat(2000),
      anyLimits,
      (streams, pings, limits) => {
        const scheduler = new Scheduler();
        const attachments = streams.map((stream, index) => build(index + 1, stream));
        for (let count = 0; count < pings; count++) scheduler.queueControl(encodePing(new Uint8Array(8)));
        for (const attachment of attachments) {
          scheduler.queueCredit(attachment);
          scheduler.queueData(attachment);
        }
        const frames = takeAll(scheduler, limits);
        const data = frames.filter((frame) => frame.type === 'DATA');
        expect(frames.length - data.length).toBe(pings + streams.length);
        expectRounds(data.map(({ id }) => id));
        for (const [index, { passed, copied }] of streams.entries()) {
          const passedBytes = passed.reduce((sum, length) => sum + length, 0);
          const expected = new Uint8Array(passedBytes + copied).fill(101 + index, 0, passedBytes);
          expected.fill(index + 1, passedBytes);
          const payloads = data.filter(({ id }) => id === index + 1).map(({ payload }) => payload);
          expect(Buffer.compare(joinMessage(payloads), expected)).toBe(0);
        }
      },
    ),
    { numRuns: 100 },
  );
});
