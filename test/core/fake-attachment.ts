import type { Attachment } from '../../src/core/attachment.js';
import { HEADER_BYTES } from '../../src/protocol/constants.js';
import { CREDIT_FRAME_BYTES, writeCredit, writeDataHeader } from '../../src/protocol/encode.js';
import type { TrunklineError } from '../../src/protocol/errors.js';
import type { StreamFrame } from '../../src/protocol/frames.js';

/** A stream that has so many bytes to send, and remembers what it was told. */
export class FakeAttachment implements Attachment {
  readonly received: StreamFrame[] = [];
  readonly ready: Uint8Array[] = [];
  detachedWith: TrunklineError | undefined;
  limitsCalls = 0;
  isCreditSkipped = false;

  constructor(
    readonly id: number,
    public pendingBytes = 0,
  ) {}

  receive(frame: StreamFrame): void {
    this.received.push(frame);
  }

  detach(error: TrunklineError): void {
    this.detachedWith = error;
  }

  limitsKnown(): void {
    this.limitsCalls++;
  }

  writeCredit(target: Uint8Array, at: number): number {
    if (this.isCreditSkipped) return 0;
    writeCredit(target, at, this.id, 0, 1);
    return CREDIT_FRAME_BYTES;
  }

  sendableBytes(maxPayloadBytes: number): number {
    const first = this.ready[0];
    if (first) return Math.min(first.length, maxPayloadBytes + HEADER_BYTES);
    return this.pendingBytes === 0 ? 0 : HEADER_BYTES + Math.min(this.pendingBytes, maxPayloadBytes);
  }

  writeData(target: Uint8Array, at: number, maxPayloadBytes: number): number {
    const length = Math.min(this.pendingBytes, maxPayloadBytes);
    if (length === 0) return 0;
    writeDataHeader(target, at, this.id, length, false);
    target.fill(this.id, at + HEADER_BYTES, at + HEADER_BYTES + length);
    this.pendingBytes -= length;
    return HEADER_BYTES + length;
  }

  hasReadyFrame(maxPayloadBytes: number): boolean {
    const first = this.ready[0];
    return first !== undefined && first.length - HEADER_BYTES <= maxPayloadBytes;
  }

  takeReadyFrame(): Uint8Array {
    return this.ready.shift() as Uint8Array;
  }
}

export function readyFrame(id: number, payloadBytes: number): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + payloadBytes);
  writeDataHeader(frame, 0, id, payloadBytes, false);
  return frame;
}
