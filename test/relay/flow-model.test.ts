import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Flow } from '../../relay/flow.js';
import { MessageWriter } from '../../src/core/message-writer.js';
import { joinMessage } from '../../src/protocol/message-parts.js';
import { decodeMessage } from '../support/decode-message.js';

const ID = 9;
/** From here on a payload is passed by reference, and so far small ones are gathered. */
const LARGE_BYTES = 8192;
/** Smaller ones are gathered, where others wait before them. */
const SMALL_BYTES = 1024;

interface Pushed {
  start: number;
  end: number;
  bytes: Uint8Array;
  exhausted: boolean;
  mayBeGathered: boolean;
}

interface Passed {
  start: number;
  end: number;
  exhausted: boolean;
}

const byteAt = (offset: number): number => (offset * 31 + (offset >>> 8)) & 0xff;
const bytesOf = (start: number, end: number): Uint8Array =>
  Uint8Array.from({ length: end - start }, (_, index) => byteAt(start + index));

/** A flow, and beside it what is plainly true of one: an array of bytes, and a position in it for each of its offsets. */
class ModelledFlow {
  private readonly flow = new Flow(Number.MAX_SAFE_INTEGER);
  private readonly pushed: Pushed[] = [];
  private readonly passed: Passed[] = [];
  private receivedOffset = 0;
  private passedOffset = 0;
  private credit = 0;
  private end: 'none' | 'due' | 'passed' = 'none';

  push(length: number, exhausted: boolean): void {
    if (this.end !== 'none') return;
    const [start, end] = [this.receivedOffset, this.receivedOffset + length];
    const bytes = bytesOf(start, end);
    const mayBeGathered = length < SMALL_BYTES && this.flow.queued > 0;
    this.flow.receiveData(bytes, exhausted);
    if (length > 0) this.pushed.push({ start, end, bytes, exhausted, mayBeGathered });
    this.receivedOffset = end;
    expect(this.flow.queued).toBe(this.receivedOffset - this.passedOffset);
  }

  raiseCredit(more: number): void {
    this.credit += more;
    this.flow.receiveCredit(this.passedOffset, this.credit);
  }

  finish(): void {
    if (this.end !== 'none') return;
    this.flow.receiveEnd(this.receivedOffset);
    this.end = 'due';
  }

  /** One turn. Returns whether anything was passed. */
  pass(maxPayloadBytes: number): boolean {
    const sendableBytes = this.flow.sendableBytes(maxPayloadBytes);
    const copiedBytes = this.flow.copiedBytes(maxPayloadBytes);
    const message = new MessageWriter(new Uint8Array(copiedBytes));
    this.flow.writeFrames(message, ID, maxPayloadBytes);
    expect({ sent: message.length, copied: message.at }).toEqual({ sent: sendableBytes, copied: copiedBytes });
    const parts = message.finish();
    if (parts === undefined) {
      expect(Math.min(this.receivedOffset - this.passedOffset, this.credit - this.passedOffset)).toBe(0);
      expect(this.end === 'due' && this.passedOffset === this.receivedOffset).toBe(false);
      return false;
    }
    const { frames, error } = decodeMessage(joinMessage(parts), maxPayloadBytes);
    expect(error).toBeUndefined();
    const [first] = frames;
    if (first?.type === 'DATA') {
      frames.shift();
      expect(first.id).toBe(ID);
      this.checkReferences(parts, first.payload.length, maxPayloadBytes);
      this.checkBytes(first.payload);
      this.passed.push({
        start: this.passedOffset,
        end: this.passedOffset + first.payload.length,
        exhausted: first.exhausted,
      });
      this.passedOffset += first.payload.length;
    }
    this.checkEnd(frames);
    if (this.flow.queued === 0) this.checkFlags();
    return true;
  }

  private checkBytes(payload: Uint8Array): void {
    const end = this.passedOffset + payload.length;
    expect(payload.length).toBeGreaterThan(0);
    expect(end).toBeLessThanOrEqual(Math.min(this.receivedOffset, this.credit));
    expect(Buffer.compare(payload, bytesOf(this.passedOffset, end))).toBe(0);
  }

  /** What is large is passed as it lies, and alone. Small ones that were gathered may have become large. */
  private checkReferences(parts: readonly Uint8Array[], length: number, maxPayloadBytes: number): void {
    const front = this.pushed.find(({ end }) => end > this.passedOffset)!;
    const offered = Math.min(front.end - this.passedOffset, this.credit - this.passedOffset, maxPayloadBytes);
    if (offered >= LARGE_BYTES) {
      expect(parts[1]?.buffer).toBe(front.bytes.buffer);
      expect([parts[1]?.byteOffset, parts[1]?.length, length]).toEqual([
        this.passedOffset - front.start,
        offered,
        offered,
      ]);
      return;
    }
    expect(length).toBeGreaterThanOrEqual(offered);
    if (parts.length > 1) expect([front.mayBeGathered, length >= LARGE_BYTES]).toEqual([true, true]);
    // Not even of what follows is a large one joined to small ones.
    const large = this.pushed.find(({ start, end }) => start > this.passedOffset && end - start >= LARGE_BYTES);
    if (large) expect(this.passedOffset + length).toBeLessThanOrEqual(large.start);
  }

  private checkEnd(frames: readonly unknown[]): void {
    const isDue = this.end === 'due' && this.passedOffset === this.receivedOffset;
    expect(frames).toEqual(isDue ? [{ type: 'END', id: ID, finalOffset: this.receivedOffset }] : []);
    if (isDue) this.end = 'passed';
  }

  /** Each flag of the source is told to the sink with the last byte that had it, or, gathered, not long after; no other is. */
  private checkFlags(): void {
    const tells = (frame: Passed, flagged: Pushed): boolean =>
      flagged.end <= frame.end && frame.start < flagged.end + (flagged.mayBeGathered ? LARGE_BYTES : 0);
    const flagged = this.pushed.filter(({ exhausted }) => exhausted);
    for (const frame of this.passed) {
      if (frame.exhausted) expect(flagged.some((each) => tells(frame, each))).toBe(true);
    }
    for (const each of flagged) {
      expect(this.passed.some((frame) => frame.exhausted && tells(frame, each))).toBe(true);
    }
  }

  /** Everything that is still here leaves; then nothing is left. */
  drain(maxPayloadBytes: number): void {
    this.finish();
    this.raiseCredit(this.receivedOffset);
    while (this.pass(maxPayloadBytes));
    expect([this.flow.queued, this.end, this.passedOffset]).toEqual([0, 'passed', this.receivedOffset]);
  }
}

const anyLength = fc.oneof(
  fc.nat(50),
  fc.nat(3 * SMALL_BYTES),
  fc.constantFrom(SMALL_BYTES - 1, SMALL_BYTES, LARGE_BYTES - 1, LARGE_BYTES),
  fc.nat(5 * LARGE_BYTES),
);
const anyMaximum = fc.oneof(
  fc.integer({ min: 1, max: 50 }),
  fc.constantFrom(1023, 1024, LARGE_BYTES - 1, LARGE_BYTES, 16 * 1024, 64 * 1024),
);
const anyStep = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('push' as const), length: anyLength, exhausted: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('burst' as const),
      count: fc.nat(300),
      length: fc.nat(200),
      flagged: fc.nat(300),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('credit' as const), more: fc.oneof(anyLength, fc.nat(200_000)) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), maximum: anyMaximum, count: fc.nat(4) }) },
);

test('whatever is pushed, granted and asked for, a flow passes what a plain array of bytes would hold', () => {
  fc.assert(
    fc.property(
      fc.array(anyStep, { maxLength: 40 }),
      fc.constantFrom(777, 16 * 1024, 64 * 1024),
      (steps, drainMaximum) => {
        const flow = new ModelledFlow();
        for (const step of steps) {
          if (step.kind === 'push') flow.push(step.length, step.exhausted);
          else if (step.kind === 'credit') flow.raiseCredit(step.more);
          else if (step.kind === 'burst')
            for (let index = 0; index < step.count; index++) flow.push(step.length, index === step.flagged);
          else for (let count = step.count; count > 0; count--) flow.pass(step.maximum);
        }
        flow.drain(drainMaximum);
      },
    ),
    { numRuns: 300 },
  );
});
