import type { Attachment } from '../../src/core/attachment.js';
import type { MessageWriter } from '../../src/core/message-writer.js';
import { HEADER_BYTES } from '../../src/protocol/constants.js';
import { CREDIT_FRAME_BYTES, writeCredit, writeDataHeader } from '../../src/protocol/encode.js';
import type { TrunklineError } from '../../src/protocol/errors.js';
import type { StreamFrame } from '../../src/protocol/frames.js';

/** A stream that has so many bytes to send, and remembers what it was told. */
export class FakeAttachment implements Attachment {
  get passesPayloads(): boolean {
    return this.passed.length > 0;
  }

  readonly received: StreamFrame[] = [];
  /** Payloads that it passes by reference, before it copies what is pending. */
  readonly passed: Uint8Array[] = [];
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
    const length = Math.min(this.passed[0]?.length ?? this.pendingBytes, maxPayloadBytes);
    return length === 0 ? 0 : HEADER_BYTES + length;
  }

  copiedBytes(maxPayloadBytes: number): number {
    return this.passed.length > 0 ? HEADER_BYTES : this.sendableBytes(maxPayloadBytes);
  }

  writeData(message: MessageWriter, maxPayloadBytes: number): void {
    const payload = this.passed.shift();
    if (payload !== undefined) return this.pass(message, payload, maxPayloadBytes);
    const length = Math.min(this.pendingBytes, maxPayloadBytes);
    if (length === 0) return;
    this.writeHeader(message, length);
    message.copy(new Uint8Array(length).fill(this.id));
    this.pendingBytes -= length;
  }

  private pass(message: MessageWriter, payload: Uint8Array, maxPayloadBytes: number): void {
    const length = Math.min(payload.length, maxPayloadBytes);
    this.writeHeader(message, length);
    message.pass(payload.subarray(0, length));
    if (length < payload.length) this.passed.unshift(payload.subarray(length));
  }

  private writeHeader(message: MessageWriter, length: number): void {
    writeDataHeader(message.target, message.at, this.id, length, false);
    message.at += HEADER_BYTES;
  }
}
