import { copyOut } from '../src/core/copy-out.js';
import { Fifo } from '../src/core/fifo.js';
import type { MessageWriter } from '../src/core/message-writer.js';

/** From this size on a payload is passed on by reference; smaller ones are worth gathering. */
const BY_REFERENCE_BYTES = 8 * 1024;
/** Payloads below this are gathered while others wait before them: an object for each byte would outweigh the bytes. */
const SMALL_BYTES = 1024;
const GATHER_BYTES = 8 * 1024;

interface Payload {
  bytes: Uint8Array;
  /** Its source has used up its credit with it (R81). */
  exhausted: boolean;
}

/** What one frame can take of what is queued. */
interface Run {
  length: number;
  isByReference: boolean;
}

/**
 * Payloads of DATA on their way through the relay, in order. Large ones are kept as they came and leave as they came, by
 * reference; small ones that have to wait are gathered, so that what lies here is little more than what is counted.
 */
export class PayloadQueue {
  private readonly payloads = new Fifo<Payload>();
  /** Bytes of the first payload that have left already. */
  private headTaken = 0;
  /** The last payload, while small ones may still join it. */
  private gathering: { bytes: Uint8Array; length: number; exhausted: boolean } | undefined;
  private queuedBytes = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.queuedBytes;
  }

  push(bytes: Uint8Array, exhausted: boolean): void {
    if (this.queuedBytes > 0 && bytes.length < SMALL_BYTES) {
      this.gather(bytes, exhausted);
    } else {
      this.closeGathering();
      this.payloads.push({ bytes: copyOut(bytes), exhausted });
    }
    this.queuedBytes += bytes.length;
  }

  /** At most `maxBytes` from the front: of one large payload, or of the small ones before the next large one. */
  nextRun(maxBytes: number): Run {
    const first = this.first();
    if (first === undefined || maxBytes <= 0) return { length: 0, isByReference: false };
    const length = Math.min(first.bytes.length - this.headTaken, maxBytes);
    if (length >= BY_REFERENCE_BYTES) return { length, isByReference: true };
    return { length: Math.min(this.measureSmall(length, maxBytes), maxBytes), isByReference: false };
  }

  /** Moves what `nextRun(maxBytes)` says. Returns true when a payload flagged `exhausted` ended among it (R81). */
  moveRun(message: MessageWriter, { length, isByReference }: Run): boolean {
    this.queuedBytes -= length;
    if (isByReference) message.pass(this.takeFirst(length));
    let exhausted = this.dropIfDone();
    for (let left = isByReference ? 0 : length; left > 0; ) {
      const part = this.takeFirst(left);
      message.copy(part);
      left -= part.length;
      exhausted = this.dropIfDone() || exhausted;
    }
    return exhausted;
  }

  clear(): void {
    this.payloads.clear();
    this.headTaken = 0;
    this.gathering = undefined;
    this.queuedBytes = 0;
  }

  private measureSmall(firstBytes: number, maxBytes: number): number {
    let bytes = firstBytes;
    for (let index = 1; bytes < maxBytes && index < this.payloads.length; index++) {
      const { length } = (this.payloads.at(index) as Payload).bytes;
      if (length >= BY_REFERENCE_BYTES) return bytes;
      bytes += length;
    }
    return bytes + (this.gathering?.length ?? 0);
  }

  private takeFirst(maxBytes: number): Uint8Array {
    const { bytes } = this.first() as Payload;
    const start = this.headTaken;
    this.headTaken = Math.min(bytes.length, start + maxBytes);
    return start === 0 && this.headTaken === bytes.length ? bytes : bytes.subarray(start, this.headTaken);
  }

  /** Returns true when the first payload has left and was flagged `exhausted`. */
  private dropIfDone(): boolean {
    const first = this.payloads.first;
    if (first === undefined || this.headTaken < first.bytes.length) return false;
    this.payloads.shift();
    this.headTaken = 0;
    return first.exhausted;
  }

  private first(): Payload | undefined {
    if (this.payloads.length === 0) this.closeGathering();
    return this.payloads.first;
  }

  private gather(bytes: Uint8Array, exhausted: boolean): void {
    if (this.gathering && this.gathering.length + bytes.length > GATHER_BYTES) this.closeGathering();
    this.gathering ??= { bytes: new Uint8Array(GATHER_BYTES), length: 0, exhausted: false };
    this.gathering.bytes.set(bytes, this.gathering.length);
    this.gathering.length += bytes.length;
    this.gathering.exhausted ||= exhausted;
  }

  private closeGathering(): void {
    if (this.gathering === undefined) return;
    const { bytes, length, exhausted } = this.gathering;
    this.gathering = undefined;
    this.payloads.push({ bytes: copyOut(bytes.subarray(0, length)), exhausted });
  }
}
