import { HEADER_BYTES } from '../protocol/constants.js';
import { CREDIT_FRAME_BYTES } from '../protocol/encode.js';
import { TrunklineError } from '../protocol/errors.js';
import type { Message } from '../protocol/message-parts.js';
import type { Attachment } from './attachment.js';
import { MessageMemory, type Slab } from './message-memory.js';
import { MessageWriter } from './message-writer.js';
import { TurnQueue } from './turn-queue.js';

/**
 * What a message has at most, if nothing in it is larger: more costs latency and gains nothing (`npm run bench`). With the
 * eight bytes that a WebSocket puts before it, it is what systems read from a socket at once. A few bytes more would make a
 * relay, which passes on what it has read, pass on each message in two parts.
 */
export const MESSAGE_TARGET_BYTES = 64 * 1024 - 8;
/** A message of less is mostly cost. */
const LITTLE_BYTES = 1024;
/** What is left of a message is not worth a smaller turn. */
const SMALLEST_TURN_BYTES = 1024;
/** What one stream may send before the next one's turn, when several are active. */
export const QUANTUM_BYTES = 32 * 1024;
/** Room for the headers of payloads that are passed by reference after the first round of turns. */
const PASSED_HEADERS_BYTES = 16 * HEADER_BYTES;
/** Replies waiting for a peer that causes them and does not read. More than this many is an attack, or a peer long dead. */
export const MAX_QUEUED_REPLIES = 4096;
/** The same in bytes. A reply is mostly a hundred of them; one with a long reason or meta can have 16 KiB. */
export const MAX_QUEUED_REPLY_BYTES = 1024 * 1024;

/**
 * Who sends next on one connection: control frames, then credit, then data, round-robin over the streams that have
 * some. A lone stream sends frames as large as the peer takes; several share by the quantum, so that a small message
 * beside a bulk stream waits for one quantum of each other stream at most. Many frames make one message.
 */
export class Scheduler {
  private control: Uint8Array[] = [];
  private controlHead = 0;
  private controlBytes = 0;
  /** Queued since the queue was last empty: errs on the strict side, and needs no mark on each frame. */
  private replies = 0;
  private replyBytes = 0;
  /** Only where the transport has said that it copies: else what is lent would never come back. */
  private memory: MessageMemory | undefined;
  /** What the last message lies in. */
  private lent: Slab | undefined;
  private readonly creditDue = new Set<Attachment>();
  /** Streams with something to send. */
  private readonly turns = new TurnQueue();

  get isIdle(): boolean {
    return this.controlHead === this.control.length && this.creditDue.size === 0 && this.turns.size === 0;
  }

  /** Something is to be sent, and it is a few bytes. */
  get hasLittle(): boolean {
    if (this.isIdle) return false;
    let bytes = this.controlBytes + this.creditDue.size * CREDIT_FRAME_BYTES;
    for (const attachment of this.turns) {
      if (bytes >= LITTLE_BYTES) return false;
      bytes += attachment.sendableBytes(LITTLE_BYTES);
    }
    return bytes < LITTLE_BYTES;
  }

  /** Bytes of control frames that wait for a transport that takes no more. */
  get queuedControlBytes(): number {
    return this.controlBytes;
  }

  /** What this side's own application caused: bounded by what that is allowed to have open. */
  queueControl(frame: Uint8Array): void {
    this.control.push(frame);
    this.controlBytes += frame.length;
  }

  /** What the peer caused. @throws TrunklineError LIMIT_RATE when it makes us queue what it does not read */
  queueReply(frame: Uint8Array): void {
    if (this.replies >= MAX_QUEUED_REPLIES || this.replyBytes >= MAX_QUEUED_REPLY_BYTES) {
      throw new TrunklineError('LIMIT_RATE', `${this.replies} replies wait and the peer reads none`);
    }
    this.replies++;
    this.replyBytes += frame.length;
    this.queueControl(frame);
  }

  queueCredit(attachment: Attachment): void {
    this.creditDue.add(attachment);
  }

  queueData(attachment: Attachment): void {
    this.turns.add(attachment);
  }

  remove(attachment: Attachment): void {
    this.creditDue.delete(attachment);
    this.turns.remove(attachment);
  }

  clear(): void {
    this.clearControl();
    this.creditDue.clear();
    this.turns.clear();
  }

  /** What is queued of control frames, and `last` behind it, as the connection's last message: at most `maxBytes`. */
  takeFarewell(last: Uint8Array, maxBytes: number): Uint8Array {
    const controlBytes = this.measureControl(maxBytes - last.length);
    const target = new Uint8Array(controlBytes + last.length);
    this.writeControl(target, controlBytes);
    target.set(last, controlBytes);
    return target;
  }

  /** The next message, at most `maxBytes`, or undefined when there is nothing (that fits). */
  takeMessage(maxFrameBytes: number, maxBytes: number): Message | undefined {
    if (this.isIdle) return undefined;
    const controlBytes = this.measureControl(maxBytes);
    // An OPEN that does not fit: nothing of its stream may go before it.
    if (controlBytes < Math.min(this.controlBytes, MESSAGE_TARGET_BYTES)) return this.takeControl(controlBytes);
    const creditBytes = Math.min(this.creditDue.size * CREDIT_FRAME_BYTES, maxBytes - controlBytes);
    const dataBytes = Math.min(this.measureData(maxFrameBytes), maxBytes - controlBytes - creditBytes);
    const message = this.beginMessage(controlBytes + creditBytes + dataBytes);
    message.at = this.writeControl(message.target, controlBytes);
    message.at = this.writeCredits(message.target, message.at);
    this.writeTurns(message, maxFrameBytes, maxBytes);
    const finished = message.finish();
    if (finished === undefined) this.releaseLent();
    return finished;
  }

  private takeControl(bytes: number): Message | undefined {
    if (bytes === 0) return undefined;
    const message = this.beginMessage(bytes);
    message.at = this.writeControl(message.target, bytes);
    return message.finish();
  }

  /**
   * The transport has copied the last message that was taken, and does not read it any more. Only of a transport that says
   * so is memory used again.
   */
  messageCopied(): void {
    this.memory ??= new MessageMemory();
    this.releaseLent();
  }

  private releaseLent(): void {
    this.lent?.release();
    this.lent = undefined;
  }

  private beginMessage(bytes: number): MessageWriter {
    this.lent = this.memory?.take(bytes);
    if (this.lent === undefined) return new MessageWriter(new Uint8Array(bytes));
    return new MessageWriter(this.lent.bytes.subarray(0, bytes), this.lent);
  }

  private clearControl(): void {
    this.control = [];
    this.controlHead = 0;
    this.controlBytes = 0;
    this.replies = 0;
    this.replyBytes = 0;
  }

  private measureControl(maxBytes: number): number {
    let bytes = 0;
    for (let index = this.controlHead; index < this.control.length && bytes < MESSAGE_TARGET_BYTES; index++) {
      const length = (this.control[index] as Uint8Array).length;
      if (bytes + length > maxBytes) break;
      bytes += length;
    }
    return bytes;
  }

  private writeControl(target: Uint8Array, end: number): number {
    let at = 0;
    while (at < end) {
      const frame = this.control[this.controlHead++] as Uint8Array;
      target.set(frame, at);
      at += frame.length;
    }
    this.controlBytes -= at;
    if (this.controlHead === this.control.length) this.clearControl();
    return at;
  }

  private writeCredits(target: Uint8Array, start: number): number {
    let at = start;
    for (const attachment of this.creditDue) {
      if (at + CREDIT_FRAME_BYTES > target.length) break;
      this.creditDue.delete(attachment);
      at += attachment.writeCredit(target, at);
    }
    return at;
  }

  private payloadBytes(maxFrameBytes: number): number {
    return this.turns.size > 1 ? Math.min(QUANTUM_BYTES, maxFrameBytes) : maxFrameBytes;
  }

  /** Of what the next round of turns copies, so that the message's memory is allocated once and is enough. */
  private measureData(maxFrameBytes: number): number {
    const payloadBytes = this.payloadBytes(maxFrameBytes);
    let copied = 0;
    let sendable = 0;
    let headers = 0;
    for (const attachment of this.turns) {
      if (attachment.passesPayloads) headers = PASSED_HEADERS_BYTES;
      copied += attachment.copiedBytes(payloadBytes);
      sendable += attachment.sendableBytes(payloadBytes);
      if (sendable >= MESSAGE_TARGET_BYTES) break;
    }
    return copied + headers;
  }

  private writeTurns(message: MessageWriter, maxFrameBytes: number, maxBytes: number): void {
    const payloadBytes = this.payloadBytes(maxFrameBytes);
    for (let attachment = this.turns.first; attachment !== undefined; attachment = this.turns.first) {
      const left = MESSAGE_TARGET_BYTES - message.length - HEADER_BYTES;
      if (left < SMALLEST_TURN_BYTES) return;
      // What is passed on is not cut: each part would have a header of its own, at each relay.
      const turnBytes = attachment.passesPayloads ? payloadBytes : Math.min(payloadBytes, left);
      if (!fits(attachment, turnBytes, message, maxBytes)) return shrinkTurn(attachment, message, maxBytes);
      this.turns.remove(attachment);
      attachment.writeData(message, turnBytes);
      if (attachment.sendableBytes(payloadBytes) > 0) this.turns.add(attachment);
    }
  }
}

function fits(attachment: Attachment, payloadBytes: number, message: MessageWriter, maxBytes: number): boolean {
  return (
    attachment.sendableBytes(payloadBytes) <= maxBytes - message.length &&
    attachment.copiedBytes(payloadBytes) <= message.room
  );
}

/** A whole turn is too much for the peer's largest message: a part of it is better than nothing. */
function shrinkTurn(attachment: Attachment, message: MessageWriter, maxBytes: number): void {
  const payloadBytes = Math.min(maxBytes, message.room) - HEADER_BYTES;
  if (message.length > 0 || payloadBytes <= 0) return;
  attachment.writeData(message, payloadBytes);
}
