import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MessageWriter } from '../../src/core/message-writer.js';
import { SendHalf } from '../../src/core/send-half.js';
import { decodeMessage } from '../support/decode-message.js';

const ID = 5;
const WINDOW = 1000;

interface Sent {
  bytes: number[];
  end: number | undefined;
}

/** All that it sends now. */
function take(half: SendHalf, maxPayloadBytes = 65_536): Sent {
  const sent: Sent = { bytes: [], end: undefined };
  for (let size = half.sendableBytes(maxPayloadBytes); size > 0; size = half.sendableBytes(maxPayloadBytes)) {
    const message = new MessageWriter(new Uint8Array(size));
    half.writeFrames(message, ID, maxPayloadBytes);
    expect(message.length).toBe(size);
    for (const frame of decodeMessage(message.target, 65_536).frames) {
      if (frame.type === 'DATA') sent.bytes.push(...frame.payload);
      if (frame.type === 'END') sent.end = frame.finalOffset;
    }
  }
  return sent;
}

const sequence = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => (from + index) % 251);
const bytes = (from: number, to: number) => Uint8Array.from(sequence(from, to));

/** Ten bytes sent of twelve written, the first three of them consumed. */
function halfway(): SendHalf {
  const half = new SendHalf();
  half.raiseCredit(10);
  half.write(bytes(0, 4));
  take(half, 3);
  half.write(bytes(4, 12));
  take(half, 4);
  half.receiveCredit(3, 10);
  return half;
}

describe('goes on from what the peer holds', () => {
  test.each([3, 4, 5, 6, 7, 8, 9, 10])('%i bytes', (received) => {
    const half = halfway();
    expect(half.canGoOnFrom(received, false)).toBe(true);
    half.goOnFrom(received, false, WINDOW);
    expect(half.retainedBytes).toBe(10 - received);
    expect(take(half)).toEqual({ bytes: sequence(received, 12), end: undefined });
    expect([half.retainedBytes, half.pendingBytes]).toEqual([12 - received, 0]);
  });

  test.each([0, 2, 11, 12, 1000])('not from %i: never sent, or given back before', (received) => {
    expect(halfway().canGoOnFrom(received, false)).toBe(false);
  });

  test('however often, and however little of it was sent again in between', () => {
    const half = halfway();
    half.goOnFrom(5, false, 7);
    expect(take(half).bytes).toEqual(sequence(5, 7));
    half.goOnFrom(6, false, 6);
    expect(take(half).bytes).toEqual([]);
    half.goOnFrom(6, false, 9);
    expect(take(half, 2).bytes).toEqual(sequence(6, 9));
    half.goOnFrom(9, false, WINDOW);
    expect(take(half).bytes).toEqual(sequence(9, 12));
  });

  test('what it claims later is not more than was sent on this attachment, and not less than it had', () => {
    const half = halfway();
    half.goOnFrom(5, false, 7);
    expect([4, 5, 6].map((received) => half.canGoOnFrom(received, false))).toEqual([false, true, false]);
    expect(() => half.receiveCredit(6, WINDOW)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    take(half);
    expect([4, 5, 7, 8].map((received) => half.canGoOnFrom(received, false))).toEqual([false, true, true, false]);
  });

  test('with the credit of this attachment, however much the last one had', () => {
    const half = halfway();
    half.raiseCredit(WINDOW);
    half.goOnFrom(4, false, 6);
    expect(take(half).bytes).toEqual(sequence(4, 6));
    half.receiveCredit(5, 8);
    expect(take(half).bytes).toEqual(sequence(6, 8));
  });

  test('and is not done twice with what the application wrote meanwhile', () => {
    const half = halfway();
    half.write(bytes(12, 15));
    half.goOnFrom(3, false, WINDOW);
    half.write(bytes(15, 20));
    half.end();
    expect(take(half)).toEqual({ bytes: sequence(3, 20), end: 20 });
  });
});

describe('END', () => {
  function ended(): SendHalf {
    const half = halfway();
    half.raiseCredit(WINDOW);
    half.end();
    expect(take(half).end).toBe(12);
    return half;
  }

  test.each([3, 7, 11, 12])('is said again behind what follows byte %i', (received) => {
    const half = ended();
    half.goOnFrom(received, false, WINDOW);
    expect(half.current).toBe('ending');
    expect(take(half)).toEqual({ bytes: sequence(received, 12), end: 12 });
    half.receiveEndAck();
    expect([half.isDone, half.retainedBytes]).toEqual([true, 0]);
  });

  test('that the peer has says that all is delivered', () => {
    const half = ended();
    expect([11, 12, 13].map((received) => half.canGoOnFrom(received, true))).toEqual([false, true, false]);
    half.goOnFrom(12, true, WINDOW);
    expect([half.isDone, half.retainedBytes]).toEqual([true, 0]);
    expect(take(half)).toEqual({ bytes: [], end: undefined });
  });

  test('that was not sent cannot have come', () => {
    const half = halfway();
    expect(half.canGoOnFrom(10, true)).toBe(false);
    half.end();
    expect(half.canGoOnFrom(10, true)).toBe(false);
  });

  test('once acknowledged is not taken back', () => {
    const half = ended();
    half.receiveEndAck();
    expect([half.canGoOnFrom(12, false), half.canGoOnFrom(3, false), half.canGoOnFrom(12, true)]).toEqual([
      false,
      false,
      true,
    ]);
    half.goOnFrom(12, true, WINDOW);
    expect(half.isDone).toBe(true);
  });
});

test('without retaining, nothing is kept to be sent again', () => {
  const half = new SendHalf();
  half.raiseCredit(WINDOW);
  half.write(bytes(0, 10));
  take(half, 5);
  half.stopRetaining();
  expect(half.retainedBytes).toBe(0);
  half.write(bytes(10, 20));
  take(half);
  expect(half.retainedBytes).toBe(0);
  half.receiveCredit(15, WINDOW);
  expect(half.retainedBytes).toBe(0);
});

// ── whatever is cut ────────────────────────────────────────────────────────────────────────────────────────────────

/** The receiving side: takes what comes on this attachment in order, and says how far it is. */
class Receiver {
  readonly taken: number[] = [];
  consumed = 0;
  hasEnded = false;

  take({ bytes: received, end }: Sent, lost: number): void {
    const kept = received.slice(0, received.length - lost);
    this.taken.push(...kept);
    if (end !== undefined && lost === 0) this.hasEnded = true;
  }
}

type Step =
  | { kind: 'write'; count: number }
  | { kind: 'send'; maxPayloadBytes: number }
  | { kind: 'consume'; count: number; ahead: number }
  | { kind: 'cut'; lost: number; ahead: number; isEndLost: boolean }
  | { kind: 'end' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ kind: fc.constant('send' as const), maxPayloadBytes: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant('consume' as const), count: fc.nat(50), ahead: fc.nat(100) }),
  fc.record({ kind: fc.constant('cut' as const), lost: fc.nat(80), ahead: fc.nat(100), isEndLost: fc.boolean() }),
  fc.constant({ kind: 'end' as const }),
);

function run(steps: readonly Step[]): void {
  const half = new SendHalf();
  const receiver = new Receiver();
  let written = 0;
  let hasEnded = false;
  half.raiseCredit(50);
  const perform = (current: Step) => {
    switch (current.kind) {
      case 'write':
        if (hasEnded) return;
        half.write(bytes(written, written + current.count));
        written += current.count;
        return;
      case 'send':
        return receiver.take(take(half, current.maxPayloadBytes), 0);
      case 'consume':
        receiver.consumed = Math.min(receiver.taken.length, receiver.consumed + current.count);
        return half.receiveCredit(receiver.consumed, receiver.consumed + current.ahead);
      case 'cut': {
        const sent = take(half, 7);
        receiver.take(sent, current.isEndLost ? Math.max(current.lost, 1) : current.lost);
        const { hasEnded: ended, taken } = receiver;
        expect(half.canGoOnFrom(taken.length, ended)).toBe(true);
        return half.goOnFrom(taken.length, ended, receiver.consumed + current.ahead);
      }
      case 'end':
        hasEnded = true;
        return half.end();
    }
  };
  for (const current of steps) {
    perform(current);
    expect(half.retainedBytes + half.pendingBytes).toBeLessThanOrEqual(written - receiver.consumed);
    if (!half.isDone) expect(half.retainedBytes + half.pendingBytes).toBe(written - held(half));
  }
  half.end();
  half.receiveCredit(receiver.consumed, written);
  receiver.take(take(half), 0);
  expect(receiver.taken).toEqual(sequence(0, written));
  expect([receiver.hasEnded, half.current === 'ended' || half.isDone]).toEqual([true, true]);
}

function held(half: SendHalf): number {
  return (half as unknown as { heldOffset: number }).heldOffset;
}

test('whatever is cut, what the peer takes in all is what was written, once and in order', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60, size: 'max' }), run), { numRuns: 500 });
});
