import { describe, expect, test } from 'vitest';
import type { Fifo } from '../../src/core/fifo.js';
import { MessageWriter } from '../../src/core/message-writer.js';
import { MAX_RETAINED_BYTES, SendHalf } from '../../src/core/send-half.js';
import { decodeMessage } from '../support/decode-message.js';

const ID = 5;

function write(half: SendHalf, messageBytes: number, maxPayloadBytes: number): MessageWriter {
  const message = new MessageWriter(new Uint8Array(messageBytes));
  half.writeFrames(message, ID, maxPayloadBytes);
  return message;
}

/** Asks for the next frames as the scheduler does, and returns them. */
function take(half: SendHalf, maxPayloadBytes = 65_536, slack = 0): string[] {
  const bytes = half.sendableBytes(maxPayloadBytes);
  if (bytes === 0) return [];
  const message = write(half, bytes + slack, maxPayloadBytes);
  expect(message.length).toBe(bytes);
  return decodeMessage(message.target.subarray(0, bytes), 65_536).frames.map((frame) => {
    if (frame.type === 'DATA') return `DATA ${frame.payload.join(',')}${frame.exhausted ? ' exhausted' : ''}`;
    if (frame.type === 'END') return `END ${frame.finalOffset}`;
    return frame.type;
  });
}

const bytes = (...values: number[]) => Uint8Array.from(values);

test('sends no further than the credit, and says when that is used up', () => {
  const half = new SendHalf();
  half.write(bytes(1, 2, 3));
  half.write(bytes(4, 5));
  expect(take(half)).toEqual([]);
  half.raiseCredit(2);
  expect(take(half)).toEqual(['DATA 1,2 exhausted']);
  expect(take(half)).toEqual([]);
  half.raiseCredit(10);
  expect(take(half)).toEqual(['DATA 3,4,5']);
  expect(half.pendingBytes).toBe(0);
});

test('a lower credit changes nothing', () => {
  const half = new SendHalf();
  half.raiseCredit(5);
  half.raiseCredit(1);
  half.receiveCredit(0, 2);
  half.write(bytes(1, 2, 3, 4, 5));
  expect(take(half)).toEqual(['DATA 1,2,3,4,5 exhausted']);
});

test('frames are no larger than asked for', () => {
  const half = new SendHalf();
  half.raiseCredit(100);
  half.write(bytes(1, 2, 3, 4, 5));
  expect([take(half, 2), take(half, 2), take(half, 2)]).toEqual([['DATA 1,2'], ['DATA 3,4'], ['DATA 5']]);
});

describe('what is retained', () => {
  test('is exactly what was sent and not yet consumed', () => {
    const half = new SendHalf();
    half.raiseCredit(100);
    half.write(bytes(1, 2, 3, 4, 5, 6));
    expect(half.retainedBytes).toBe(0);
    take(half, 4);
    expect([half.pendingBytes, half.retainedBytes]).toEqual([2, 4]);
    half.receiveCredit(3, 100);
    expect(half.retainedBytes).toBe(1);
    half.receiveCredit(2, 100);
    half.receiveCredit(3, 100);
    expect(half.retainedBytes).toBe(1);
    take(half);
    half.receiveCredit(6, 100);
    expect(half.retainedBytes).toBe(0);
  });

  test.each([0, 10_000])('is never the memory of the application (message with %i other bytes)', (slack) => {
    const half = new SendHalf();
    half.raiseCredit(100);
    const own = bytes(1, 2, 3, 4);
    half.write(own);
    take(half, 100, slack);
    own.fill(0xee);
    const { retained } = half as unknown as {
      retained: { moveTo(target: Uint8Array, at: number, count: number): void };
    };
    const copy = new Uint8Array(4);
    retained.moveTo(copy, 0, 4);
    expect([...copy]).toEqual([1, 2, 3, 4]);
  });

  test('does not keep a large message alive for a few bytes', () => {
    const half = new SendHalf();
    half.raiseCredit(100);
    half.write(bytes(1, 2, 3, 4));
    take(half, 100, 10_000);
    const { retained } = half as unknown as { retained: { chunks: Fifo<{ bytes: Uint8Array }> } };
    expect(retained.chunks.length).toBe(1);
    expect(retained.chunks.first?.bytes.buffer.byteLength).toBe(4);
  });

  test('cannot be consumed before it was sent', () => {
    const half = new SendHalf();
    half.raiseCredit(2);
    half.write(bytes(1, 2, 3));
    take(half);
    expect(() => half.receiveCredit(3, 100)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    half.receiveCredit(2, 100);
  });
});

describe('END', () => {
  test('follows the last byte in the same message', () => {
    const half = new SendHalf();
    half.raiseCredit(100);
    half.write(bytes(1, 2, 3));
    half.end();
    expect(take(half, 2)).toEqual(['DATA 1,2']);
    expect(take(half, 2)).toEqual(['DATA 3', 'END 3']);
    expect(half.current).toBe('ended');
    expect(take(half)).toEqual([]);
  });

  test('needs no credit: it passes a full window', () => {
    const half = new SendHalf();
    half.raiseCredit(2);
    half.write(bytes(1, 2));
    expect(take(half)).toEqual(['DATA 1,2 exhausted']);
    half.end();
    expect(take(half)).toEqual(['END 2']);
  });

  test('waits behind bytes that wait for credit', () => {
    const half = new SendHalf();
    half.raiseCredit(2);
    half.write(bytes(1, 2, 3));
    half.end();
    expect(take(half)).toEqual(['DATA 1,2 exhausted']);
    expect(take(half)).toEqual([]);
    half.receiveCredit(2, 3);
    expect(take(half)).toEqual(['DATA 3 exhausted', 'END 3']);
  });

  test('that has no room beside its last byte comes in the next message', () => {
    const half = new SendHalf();
    half.raiseCredit(100);
    half.write(bytes(1, 2, 3));
    half.end();
    expect(write(half, 8 + 3 + 15, 100).length).toBe(11);
    expect(take(half)).toEqual(['END 3']);
  });

  test('of an empty direction is sent without credit', () => {
    const half = new SendHalf();
    half.end();
    expect(take(half)).toEqual(['END 0']);
  });

  test('is acknowledged once, after it was sent; then nothing is retained', () => {
    const half = new SendHalf();
    const isBreach = expect.objectContaining({ code: 'PROTOCOL' });
    half.raiseCredit(100);
    half.write(bytes(1));
    expect(() => half.receiveEndAck()).toThrow(isBreach);
    half.end();
    expect(() => half.receiveEndAck()).toThrow(isBreach);
    take(half);
    expect(half.retainedBytes).toBe(1);
    half.receiveEndAck();
    expect([half.isDone, half.retainedBytes]).toEqual([true, 0]);
    expect(() => half.receiveEndAck()).toThrow(isBreach);
    half.receiveCredit(1, 100);
    expect(half.retainedBytes).toBe(0);
  });
});

test('discard forgets pending and retained bytes', () => {
  const half = new SendHalf();
  half.raiseCredit(1);
  half.write(bytes(1, 2));
  take(half);
  half.discard();
  expect([half.pendingBytes, half.retainedBytes, half.sendableBytes(10)]).toEqual([0, 0, 0]);
});

test('keeps no more than so much to be sent again, whatever credit there is', () => {
  const half = new SendHalf();
  half.raiseCredit(Number.MAX_SAFE_INTEGER);
  const piece = new Uint8Array(1024 * 1024);
  for (let count = 0; count < 65; count++) half.write(piece);
  const send = () => write(half, piece.length + 8, piece.length).length;
  while (send() > 0);
  expect(half.retainedBytes).toBe(MAX_RETAINED_BYTES);
  half.receiveCredit(piece.length, Number.MAX_SAFE_INTEGER);
  expect(send()).toBe(piece.length + 8);
});

test('keeps nothing, and sends all that credit allows, where nothing will be sent again', () => {
  const half = new SendHalf();
  half.stopRetaining();
  half.raiseCredit(Number.MAX_SAFE_INTEGER);
  const piece = new Uint8Array(1024 * 1024);
  for (let count = 0; count < 65; count++) half.write(piece);
  let sent = 0;
  for (let written = 1; written > 0; sent += written) written = write(half, piece.length + 8, piece.length).length;
  expect([sent, half.retainedBytes]).toEqual([65 * (piece.length + 8), 0]);
});

describe('the few bytes behind a full frame', () => {
  /** Of a write of 68,000 bytes, after a frame of 65,520. */
  const afterFrame = (credit: number): SendHalf => {
    const half = new SendHalf();
    half.raiseCredit(credit);
    half.write(new Uint8Array(68_000));
    write(half, 70_000, 65_520);
    return half;
  };

  test('are copied while there is credit for more than them: the application need not wait for their turn', () => {
    const half = afterFrame(100_000);
    expect([half.pendingBytes, half.borrowedBytes]).toEqual([2480, 0]);
    expect(half.sendableBytes(65_520)).toBe(8 + 2480);
  });

  test('stay the application’s when there is not: it is not asked for more than the reader may take', () => {
    const half = afterFrame(65_520 + 5000);
    expect([half.pendingBytes, half.borrowedBytes]).toEqual([2480, 2480]);
  });
});
