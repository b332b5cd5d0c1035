import type { Message } from '../protocol/message-parts.js';
import type { Holdable } from './byte-queue.js';

/**
 * Assembles one message: headers, control frames and small payloads are copied into memory that is allocated once;
 * large payloads that lie elsewhere already are passed by reference, between the parts of it.
 */
export class MessageWriter {
  private readonly parts: Uint8Array[] = [];
  private partStart = 0;
  private passedBytes = 0;
  /** Where the next byte goes. */
  at = 0;

  constructor(
    readonly target: Uint8Array,
    /** Whose the target is; whoever keeps a part of it holds it. Undefined: the message's own. */
    readonly memory?: Holdable,
  ) {}

  /** Of the message so far. */
  get length(): number {
    return this.at + this.passedBytes;
  }

  /** Bytes that can still be copied. */
  get room(): number {
    return this.target.length - this.at;
  }

  copy(bytes: Uint8Array): void {
    this.target.set(bytes, this.at);
    this.at += bytes.length;
  }

  pass(bytes: Uint8Array): void {
    this.closePart();
    this.parts.push(bytes);
    this.passedBytes += bytes.length;
  }

  /** Undefined when nothing was written. */
  finish(): Message | undefined {
    this.closePart();
    return this.parts.length === 0 ? undefined : this.parts;
  }

  private closePart(): void {
    if (this.at === this.partStart) return;
    const isAll = this.partStart === 0 && this.at === this.target.length;
    this.parts.push(isAll ? this.target : this.target.subarray(this.partStart, this.at));
    this.partStart = this.at;
  }
}
