import { expect, test } from 'vitest';
import { MAX_QUEUED_REPLIES, MESSAGE_TARGET_BYTES, QUANTUM_BYTES, Scheduler } from '../../src/core/scheduler.js';
import { encodeEndAck, encodeOpen, encodePing } from '../../src/protocol/encode.js';
import { joinMessage, type Message, messageBytes } from '../../src/protocol/message-parts.js';
import { decodeMessage } from '../support/decode-message.js';
import { FakeAttachment } from './fake-attachment.js';

const FRAME = 64 * 1024;
const MESSAGE = 128 * 1024;

/** What a message holds: `DATA 3 100` is 100 bytes of stream 3. */
function describeMessage(message: Message | undefined): string[] {
  if (message === undefined) return [];
  const { frames, error } = decodeMessage(joinMessage(message), FRAME);
  expect(error).toBeUndefined();
  return frames.map((frame) => {
    const id = 'id' in frame ? ` ${frame.id}` : '';
    return `${frame.type}${id}${frame.type === 'DATA' ? ` ${frame.payload.length}` : ''}`;
  });
}

function active(scheduler: Scheduler, ...sizes: number[]): FakeAttachment[] {
  return sizes.map((bytes, index) => {
    const attachment = new FakeAttachment(index + 1, bytes);
    scheduler.queueData(attachment);
    return attachment;
  });
}

const next = (scheduler: Scheduler, maxBytes = MESSAGE) => describeMessage(scheduler.takeMessage(FRAME, maxBytes));

test('with nothing to send there is no message', () => {
  const scheduler = new Scheduler();
  expect(scheduler.isIdle).toBe(true);
  expect(scheduler.takeMessage(FRAME, MESSAGE)).toBeUndefined();
});

test('control goes first, then credit, then data', () => {
  const scheduler = new Scheduler();
  const [stream] = active(scheduler, 10);
  scheduler.queueCredit(stream!);
  scheduler.queueControl(encodeEndAck(1));
  scheduler.queueControl(encodePing(new Uint8Array(8)));
  expect(next(scheduler)).toEqual(['END_ACK 1', 'PING', 'CREDIT 1', 'DATA 1 10']);
  expect(scheduler.isIdle).toBe(true);
});

test('small writes of many streams leave in one message', () => {
  const scheduler = new Scheduler();
  active(scheduler, ...Array.from({ length: 500 }, () => 10));
  expect(next(scheduler)).toEqual(Array.from({ length: 500 }, (_, index) => `DATA ${index + 1} 10`));
  expect(scheduler.isIdle).toBe(true);
});

test('a lone stream fills whole messages, several share by the quantum', () => {
  const alone = new Scheduler();
  active(alone, 200_000);
  expect(next(alone)).toEqual([`DATA 1 ${MESSAGE_TARGET_BYTES - 8}`]);

  const several = new Scheduler();
  active(several, 200_000, 200_000);
  const left = MESSAGE_TARGET_BYTES - 2 * 8 - QUANTUM_BYTES;
  expect(next(several)).toEqual([`DATA 1 ${QUANTUM_BYTES}`, `DATA 2 ${left}`]);
});

test('turns go round: a small message waits for one quantum of each other stream at most', () => {
  const scheduler = new Scheduler();
  active(scheduler, 10_000_000, 10_000_000, 10_000_000);
  next(scheduler);
  const late = new FakeAttachment(9, 5);
  scheduler.queueData(late);
  const before: string[] = [];
  for (let frames = next(scheduler); ; frames = next(scheduler)) {
    const at = frames.indexOf('DATA 9 5');
    before.push(...(at < 0 ? frames : frames.slice(0, at)));
    if (at >= 0) break;
    expect(before.length).toBeLessThan(100);
  }
  expect(before.map((frame) => frame.split(' ')[1]).sort()).toEqual(['1', '2', '3']);
  for (const frame of before) expect(Number(frame.split(' ')[2])).toBeLessThanOrEqual(QUANTUM_BYTES);
});

test('nobody starves: equal streams finish within one round of each other', () => {
  const scheduler = new Scheduler();
  const streams = active(scheduler, ...Array.from({ length: 7 }, () => 300_000));
  while (!scheduler.isIdle) {
    scheduler.takeMessage(FRAME, MESSAGE);
    const left = streams.map(({ pendingBytes }) => pendingBytes).filter((bytes) => bytes > 0);
    if (left.length === streams.length)
      expect(Math.max(...left) - Math.min(...left)).toBeLessThanOrEqual(QUANTUM_BYTES);
  }
  expect(streams.every(({ pendingBytes }) => pendingBytes === 0)).toBe(true);
});

test.each([20 * 1024, 64 * 1024 + 100, MESSAGE])('no message is over the peer limit of %i bytes', (maxBytes) => {
  const scheduler = new Scheduler();
  const streams = active(scheduler, 200_000, 17, 90_000, 64 * 1024);
  for (const stream of streams) scheduler.queueCredit(stream);
  for (let count = 0; count < 3000; count++) scheduler.queueControl(encodePing(new Uint8Array(8)));
  let controls = 0;
  let bytes = 0;
  for (
    let message = scheduler.takeMessage(FRAME, maxBytes);
    message;
    message = scheduler.takeMessage(FRAME, maxBytes)
  ) {
    expect(messageBytes(message)).toBeGreaterThan(0);
    expect(messageBytes(message)).toBeLessThanOrEqual(maxBytes);
    for (const frame of decodeMessage(joinMessage(message), FRAME).frames) {
      if (frame.type === 'PING') controls++;
      if (frame.type === 'DATA') bytes += frame.payload.length;
    }
  }
  expect({ controls, bytes, isIdle: scheduler.isIdle }).toEqual({
    controls: 3000,
    bytes: 200_000 + 17 + 90_000 + 64 * 1024,
    isIdle: true,
  });
});

test('nothing goes before a control frame that does not fit: it may be the OPEN of just that stream', () => {
  const scheduler = new Scheduler();
  const [stream] = active(scheduler, 10);
  scheduler.queueCredit(stream!);
  scheduler.queueControl(encodePing(new Uint8Array(8)));
  scheduler.queueControl(
    encodeOpen(1, { uid: '0'.repeat(32), credit: 1, meta: 'x'.repeat(500), target: { kind: 'plain' } }),
  );
  expect(next(scheduler, 200)).toEqual(['PING']);
  expect(next(scheduler, 200)).toEqual([]);
  expect(next(scheduler)).toEqual(['OPEN 1', 'CREDIT 1', 'DATA 1 10']);
  expect(scheduler.isIdle).toBe(true);
});

test('what does not fit waits whole and in order', () => {
  const scheduler = new Scheduler();
  const big = new Uint8Array(1000);
  scheduler.queueControl(big);
  scheduler.queueControl(new Uint8Array(100));
  expect(scheduler.takeMessage(FRAME, 999)).toBeUndefined();
  expect(scheduler.isIdle).toBe(false);
  expect(messageBytes(scheduler.takeMessage(FRAME, 1050)!)).toBe(1000);
  expect(messageBytes(scheduler.takeMessage(FRAME, 1050)!)).toBe(100);
});

test('a message ends near the target size, and the next turn is where it ended', () => {
  const scheduler = new Scheduler();
  active(scheduler, ...Array.from({ length: 6 }, () => QUANTUM_BYTES));
  const first = next(scheduler);
  // The second turn is cut to what is left of the message, and has the rest later.
  const left = MESSAGE_TARGET_BYTES - 2 * 8 - QUANTUM_BYTES;
  expect(first).toEqual([`DATA 1 ${QUANTUM_BYTES}`, `DATA 2 ${left}`]);
  expect(next(scheduler)[0]).toBe(`DATA 3 ${QUANTUM_BYTES}`);
});

test('a turn with nothing to send holds nobody up', () => {
  const scheduler = new Scheduler();
  const empty = new FakeAttachment(1, 0);
  scheduler.queueData(empty);
  const passing = new FakeAttachment(2);
  passing.passed.push(new Uint8Array(QUANTUM_BYTES + 10_000));
  scheduler.queueData(passing);
  expect(next(scheduler)).toEqual([`DATA 2 ${QUANTUM_BYTES}`, `DATA 2 10000`]);

  scheduler.queueData(empty);
  scheduler.queueData(new FakeAttachment(3, 10));
  expect(next(scheduler)).toEqual(['DATA 3 10']);
  expect(scheduler.isIdle).toBe(true);
});

test('a credit that is no longer wanted leaves no hole in the message', () => {
  const scheduler = new Scheduler();
  const [gone, other] = active(scheduler, 0, 30);
  gone!.isCreditSkipped = true;
  scheduler.queueCredit(gone!);
  scheduler.queueCredit(other!);
  expect(next(scheduler)).toEqual(['CREDIT 2', 'DATA 2 30']);
});

test('a removed stream sends nothing more', () => {
  const scheduler = new Scheduler();
  const [removed] = active(scheduler, 10);
  scheduler.queueCredit(removed!);
  scheduler.remove(removed!);
  expect(scheduler.isIdle).toBe(true);
  expect(scheduler.takeMessage(FRAME, MESSAGE)).toBeUndefined();
});

test('replies that nobody reads are bounded; what this side causes itself is not counted', () => {
  const scheduler = new Scheduler();
  for (let count = 0; count < 2 * MAX_QUEUED_REPLIES; count++) scheduler.queueControl(encodeEndAck(1));
  for (let count = 0; count < MAX_QUEUED_REPLIES; count++) scheduler.queueReply(encodeEndAck(1));
  expect(() => scheduler.queueReply(encodeEndAck(1))).toThrow(expect.objectContaining({ code: 'LIMIT_RATE' }));
  while (scheduler.takeMessage(FRAME, MESSAGE) !== undefined);
  expect(() => scheduler.queueReply(encodeEndAck(1))).not.toThrow();
});

test('a farewell is the last word, behind the control frames that fit', () => {
  const scheduler = new Scheduler();
  active(scheduler, 100);
  scheduler.queueControl(encodeEndAck(1));
  scheduler.queueControl(encodeEndAck(3));
  expect(describeMessage([scheduler.takeFarewell(encodePing(new Uint8Array(8)), MESSAGE)])).toEqual([
    'END_ACK 1',
    'END_ACK 3',
    'PING',
  ]);
  scheduler.queueControl(encodeEndAck(5));
  expect(describeMessage([scheduler.takeFarewell(encodePing(new Uint8Array(8)), 16)])).toEqual(['PING']);
});
