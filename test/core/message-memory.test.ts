import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteQueue, type Holdable } from '../../src/core/byte-queue.js';
import { MessageMemory } from '../../src/core/message-memory.js';
import { QUANTUM_BYTES, Scheduler } from '../../src/core/scheduler.js';
import { SendHalf } from '../../src/core/send-half.js';
import { joinMessage } from '../../src/protocol/message-parts.js';
import { decodeMessage } from '../support/decode-message.js';
import { FakeAttachment } from './fake-attachment.js';

const SIZE = 64 * 1024;

/** Counts who holds it. */
class Counter implements Holdable {
  holders = 0;

  hold(): void {
    this.holders++;
  }

  release(): void {
    this.holders--;
  }
}

describe('memory of messages', () => {
  test('is used again once its last holder has released it, and not before', () => {
    const memory = new MessageMemory();
    const first = memory.take(SIZE)!;
    first.hold();
    first.release();
    expect(memory.take(SIZE)).not.toBe(first);
    first.release();
    expect(memory.take(SIZE)).toBe(first);
  });

  test('is for large messages, as far as they fit', () => {
    const memory = new MessageMemory();
    expect(memory.take(16 * 1024 - 1)).toBeUndefined();
    expect(memory.take(1024 * 1024)).toBeUndefined();
    for (const bytes of [16 * 1024, 80 * 1024]) expect(memory.take(bytes)?.bytes.length).toBeGreaterThanOrEqual(bytes);
  });

  test('is not kept for ever: after a burst most of it is given up', () => {
    const memory = new MessageMemory();
    const slabs = Array.from({ length: 1000 }, () => memory.take(SIZE)!);
    for (const slab of slabs) slab.release();
    const again = new Set(Array.from({ length: 1000 }, () => memory.take(SIZE)!));
    const kept = slabs.filter((slab) => again.has(slab)).length;
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThanOrEqual(500);
  });
});

describe('a queue of bytes', () => {
  test('holds the memory of each chunk until the last byte of it has left', () => {
    const queue = new ByteQueue();
    const [first, second] = [new Counter(), new Counter()];
    queue.push(new Uint8Array(4), first);
    queue.push(new Uint8Array(4), second);
    queue.push(new Uint8Array(4), second);
    expect([first.holders, second.holders]).toEqual([1, 2]);
    queue.drop(3);
    expect([first.holders, second.holders]).toEqual([1, 2]);
    queue.moveTo(new Uint8Array(5), 0, 5);
    expect([first.holders, second.holders]).toEqual([0, 1]);
    queue.clear();
    queue.clear();
    expect([first.holders, second.holders]).toEqual([0, 0]);
  });

  test('hands what it holds to the queue that it is appended to', () => {
    const [queue, other] = [new ByteQueue(), new ByteQueue()];
    const memory = new Counter();
    other.push(new Uint8Array(4), memory);
    queue.append(other);
    other.clear();
    expect([memory.holders, queue.length, other.length]).toEqual([1, 4, 0]);
    queue.drop(4);
    expect(memory.holders).toBe(0);
  });

  test('holds nothing for no bytes', () => {
    const memory = new Counter();
    new ByteQueue().push(new Uint8Array(0), memory);
    expect(memory.holders).toBe(0);
  });
});

describe('a scheduler', () => {
  const targetOf = (scheduler: Scheduler) => scheduler.takeMessage(SIZE, 2 * SIZE)![0]!.buffer;

  test('uses memory again only when the transport says that it has copied the message', () => {
    const scheduler = new Scheduler();
    scheduler.queueData(new FakeAttachment(1, 10 * SIZE));
    const uncopied = [targetOf(scheduler), targetOf(scheduler)];
    expect(uncopied[0]).not.toBe(uncopied[1]);
    scheduler.messageCopied();
    const first = targetOf(scheduler);
    expect(uncopied).not.toContain(first);
    scheduler.messageCopied();
    expect(targetOf(scheduler)).toBe(first);
  });

  test('does not write over what a stream keeps to send again', () => {
    const anyStep = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), length: fc.integer({ min: 1, max: 2 * QUANTUM_BYTES }) }),
      fc.record({ kind: fc.constant('take' as const) }),
      fc.record({ kind: fc.constant('consume' as const), share: fc.integer({ min: 0, max: 100 }) }),
      fc.record({ kind: fc.constant('return' as const), share: fc.integer({ min: 0, max: 100 }) }),
    );
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const link = new CopyingLink();
        for (const step of steps) {
          if (step.kind === 'write') link.write(step.length);
          else if (step.kind === 'take') link.take();
          else if (step.kind === 'consume') link.consume(step.share / 100);
          else link.goOnFrom(step.share / 100);
        }
        while (link.take());
        expect(link.received).toBe(link.written);
      }),
      { numRuns: 100 },
    );
  });
});

const byteAt = (offset: number): number => (offset * 7 + (offset >>> 9)) & 0xff;

/** Two streams over a transport that copies; the first is cut again and again, and what it sends is checked. */
class CopyingLink {
  private readonly scheduler = new Scheduler();
  private readonly half = new SendHalf();
  private readonly stream = new FakeAttachment(1);
  private consumed = 0;
  written = 0;
  received = 0;

  constructor() {
    this.half.raiseCredit(Number.MAX_SAFE_INTEGER);
    this.stream.sendableBytes = (max) => this.half.sendableBytes(max);
    this.stream.copiedBytes = (max) => this.half.sendableBytes(max);
    this.stream.writeData = (message, max) => this.half.writeFrames(message, 1, max);
  }

  write(length: number): void {
    this.half.write(Uint8Array.from({ length }, (_, index) => byteAt(this.written + index)));
    this.written += length;
  }

  /** One message, which the transport copies; a second stream fills the memory with other bytes. */
  take(): boolean {
    this.scheduler.queueData(this.stream);
    this.scheduler.queueData(new FakeAttachment(2, QUANTUM_BYTES));
    const before = this.received;
    while (!this.scheduler.isIdle) {
      const message = this.scheduler.takeMessage(SIZE, 2 * SIZE);
      if (message === undefined) break;
      const copy = new Uint8Array(joinMessage(message));
      this.scheduler.messageCopied();
      for (const frame of decodeMessage(copy, SIZE).frames) {
        if (frame.type === 'DATA' && frame.id === 1) this.receive(frame.payload);
      }
    }
    return this.received > before;
  }

  private receive(payload: Uint8Array): void {
    const at = payload.findIndex((byte, index) => byte !== byteAt(this.received + index));
    if (at >= 0) throw new Error(`byte ${this.received + at} is another than was written`);
    this.received += payload.length;
  }

  consume(share: number): void {
    this.consumed += Math.floor((this.received - this.consumed) * share);
    this.half.receiveCredit(this.consumed, Number.MAX_SAFE_INTEGER);
  }

  /** Its connection is lost, and with it what had not arrived. */
  goOnFrom(share: number): void {
    this.received = this.consumed + Math.floor((this.received - this.consumed) * share);
    this.consumed = this.received;
    this.half.goOnFrom(this.received, false, Number.MAX_SAFE_INTEGER);
  }
}
