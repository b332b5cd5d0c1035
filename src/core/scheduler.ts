import { HEADER_BYTES } from '../protocol/constants.js';
import { CREDIT_FRAME_BYTES } from '../protocol/encode.js';
import { TrunklineError } from '../protocol/errors.js';
import type { Attachment } from './attachment.js';

/** A message is closed once it has this many bytes: larger ones cost latency and gain nothing (`npm run bench`). */
export const MESSAGE_TARGET_BYTES = 64 * 1024;
/** What one stream may send before the next one's turn, when several are active. */
export const QUANTUM_BYTES = 16 * 1024;
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
  private readonly creditDue = new Set<Attachment>();
  /** Streams with something to send, in order of turn: a Set iterates in insertion order. */
  private readonly turns = new Set<Attachment>();

  get isIdle(): boolean {
    return this.controlHead === this.control.length && this.creditDue.size === 0 && this.turns.size === 0;
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
    this.turns.delete(attachment);
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
  takeMessage(maxFrameBytes: number, maxBytes: number): Uint8Array | undefined {
    const controlBytes = this.measureControl(maxBytes);
    if (controlBytes === 0 && this.creditDue.size === 0) {
      const ready = this.takeReadyFrame(maxFrameBytes);
      if (ready !== undefined) return ready;
    }
    const creditBytes = Math.min(this.creditDue.size * CREDIT_FRAME_BYTES, maxBytes - controlBytes);
    const dataBytes = Math.min(this.measureData(maxFrameBytes), maxBytes - controlBytes - creditBytes);
    const target = new Uint8Array(controlBytes + creditBytes + dataBytes);
    let at = this.writeControl(target, controlBytes);
    at = this.writeCredits(target, at);
    at = this.writeTurns(target, at, maxFrameBytes);
    if (at === 0) return this.takeReadyFrame(maxFrameBytes);
    return at === target.length ? target : target.subarray(0, at);
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

  /** An upper bound of what the next round of turns will write, so that the message is allocated once and fits. */
  private measureData(maxFrameBytes: number): number {
    const payloadBytes = this.payloadBytes(maxFrameBytes);
    let bytes = 0;
    for (const attachment of this.turns) {
      if (attachment.hasReadyFrame(maxFrameBytes)) break;
      bytes += attachment.sendableBytes(payloadBytes);
      if (bytes >= MESSAGE_TARGET_BYTES) break;
    }
    return bytes;
  }

  private writeTurns(target: Uint8Array, start: number, maxFrameBytes: number): number {
    const payloadBytes = this.payloadBytes(maxFrameBytes);
    let at = start;
    for (const attachment of this.turns) {
      // That one leaves as it is, in the next message: copying it behind others would cost more than it saves.
      if (attachment.hasReadyFrame(maxFrameBytes)) break;
      const needed = attachment.sendableBytes(payloadBytes);
      if (needed > target.length - at) {
        // The rest of this message is too small for a whole turn: shrink the turn where that still moves something.
        const room = target.length - at - HEADER_BYTES;
        if (at > 0 || room <= 0) break;
        at += attachment.writeData(target, at, room);
        break;
      }
      this.turns.delete(attachment);
      at += attachment.writeData(target, at, payloadBytes);
      if (attachment.sendableBytes(payloadBytes) > 0) this.turns.add(attachment);
      if (at >= MESSAGE_TARGET_BYTES) break;
    }
    return at;
  }

  private takeReadyFrame(maxFrameBytes: number): Uint8Array | undefined {
    for (const attachment of this.turns) {
      if (!attachment.hasReadyFrame(maxFrameBytes)) return undefined;
      const frame = attachment.takeReadyFrame();
      this.turns.delete(attachment);
      if (attachment.sendableBytes(maxFrameBytes) > 0) this.turns.add(attachment);
      return frame;
    }
    return undefined;
  }
}
