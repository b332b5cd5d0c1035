import { copyOut } from '../src/core/copy-out.js';
import { Fifo } from '../src/core/fifo.js';
import { HEADER_BYTES } from '../src/protocol/constants.js';
import { writeDataHeader } from '../src/protocol/encode.js';
import { readFlag } from '../src/protocol/header.js';

/** Payloads below this are gathered while others wait before them: an object for each byte would outweigh the bytes. */
const SMALL_PAYLOAD_BYTES = 1024;
const GATHER_PAYLOAD_BYTES = 8 * 1024 - HEADER_BYTES;

/**
 * DATA frames on their way through the relay, in order. Large ones are kept as they came, by reference; small ones that
 * have to wait are gathered into larger frames, so that what lies here is little more than what is counted.
 */
export class FrameQueue {
  private readonly frames = new Fifo<Uint8Array>();
  /** Payload bytes of the first frame that have been moved already. */
  private headTaken = 0;
  /** The last frame, while small payloads may still join it. Its header is written when it is closed. */
  private gathering: { frame: Uint8Array; length: number; exhausted: boolean } | undefined;
  private payloadBytes = 0;

  /** Payload bytes that wait. */
  get length(): number {
    return this.payloadBytes;
  }

  push(frame: Uint8Array): void {
    const length = frame.length - HEADER_BYTES;
    if (this.payloadBytes > 0 && length < SMALL_PAYLOAD_BYTES) this.gather(frame, length);
    else {
      this.closeGathering();
      this.frames.push(copyOut(frame));
    }
    this.payloadBytes += length;
  }

  /** The first frame, if nothing of it has been moved yet. */
  peekWhole(): Uint8Array | undefined {
    return this.headTaken === 0 ? this.first() : undefined;
  }

  /** Takes the frame that `peekWhole` showed. */
  takeWhole(): Uint8Array {
    const frame = this.first() as Uint8Array;
    this.payloadBytes -= frame.length - HEADER_BYTES;
    this.dropFirst();
    return frame;
  }

  /** Moves `count` payload bytes, which are there. Returns true when a frame flagged `exhausted` ended among them (R81). */
  moveTo(target: Uint8Array, at: number, count: number): boolean {
    this.payloadBytes -= count;
    let position = at;
    let exhausted = false;
    while (position < at + count) {
      const frame = this.first() as Uint8Array;
      const from = HEADER_BYTES + this.headTaken;
      const taken = Math.min(frame.length - from, at + count - position);
      target.set(frame.subarray(from, from + taken), position);
      position += taken;
      this.headTaken += taken;
      if (from + taken < frame.length) break;
      exhausted ||= readFlag(frame, 0);
      this.dropFirst();
    }
    return exhausted;
  }

  clear(): void {
    this.frames.clear();
    this.headTaken = 0;
    this.gathering = undefined;
    this.payloadBytes = 0;
  }

  private first(): Uint8Array | undefined {
    if (this.frames.length === 0) this.closeGathering();
    return this.frames.first;
  }

  private gather(frame: Uint8Array, length: number): void {
    if (this.gathering && this.gathering.length + length > this.gathering.frame.length) this.closeGathering();
    this.gathering ??= {
      frame: new Uint8Array(HEADER_BYTES + GATHER_PAYLOAD_BYTES),
      length: HEADER_BYTES,
      exhausted: false,
    };
    this.gathering.frame.set(frame.subarray(HEADER_BYTES), this.gathering.length);
    this.gathering.length += length;
    this.gathering.exhausted ||= readFlag(frame, 0);
  }

  private closeGathering(): void {
    if (this.gathering === undefined) return;
    const { frame, length, exhausted } = this.gathering;
    this.gathering = undefined;
    // The id is written when the frame leaves.
    writeDataHeader(frame, 0, 0, length - HEADER_BYTES, exhausted);
    this.frames.push(frame.subarray(0, length));
  }

  private dropFirst(): void {
    this.frames.shift();
    this.headTaken = 0;
  }
}
