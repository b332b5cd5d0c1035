import { Socket } from 'node:net';
import { TrunklineError } from '../protocol/errors.js';
import { type Message, messageBytes } from '../protocol/message-parts.js';
import { encodeUtf8 } from '../protocol/utf8.js';
import { CloseCode, closeReason } from '../transport/close-reason.js';
import type { Connection, ConnectionEnd, ConnectionHandlers } from '../transport/connection.js';
import { type Rate, RateBudget } from '../transport/rate-budget.js';
import { NODE_HIGH_WATER_BYTES } from '../transport/websocket.js';
import { fillMaskKey } from './mask-keys.js';
import { rotateKey } from './masking.js';
import { masking } from './native-masking.js';
import { headerBytes, MASK_KEY_BYTES, Opcode, writeFrameHeader } from './websocket-frames.js';
import { WebSocketBreach, WebSocketParser } from './websocket-parser.js';
import { wireMemory } from './wire-memory.js';
import { keepCollectionsYoung } from './young-collections.js';

/** Up to here copying a part costs less than writing it as a buffer of its own. */
const COPIED_PART_BYTES = 4 * 1024;
const ABNORMAL_CLOSURE = 1006;
const NO_STATUS = 1005;
const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
/** A proxy that pings every few seconds is far below, also after minutes in which this process stood still. */
const IDLE_FRAMES: Readonly<Rate> = { perSecond: 100, burst: 1000 };
const END_TIMEOUT_MS = 2_000;
const NO_BYTES = Buffer.alloc(0);
/** Of the frame that is being written; nothing else is done meanwhile. */
const scratchKey = Buffer.alloc(MASK_KEY_BYTES);

/** After the upgrade, as `ws` hands it over: what has come behind the handshake is in `head`. */
export interface UpgradedSocket {
  socket: Socket;
  head: Buffer;
}

export interface FramedWebSocketOptions {
  /** A client masks what it sends, a server must not (RFC 6455 section 5.1). */
  role: 'client' | 'server';
  /** Fills in the masking key of a frame, instead of random numbers. */
  generateMask?: ((key: Buffer) => void) | undefined;
  /** Answer pings. Default true. */
  autoPong?: boolean | undefined;
  /** Frames that carry nothing, pings among them. Past it the WebSocket fails with 1008. Default 1,000, and 100 a second. */
  idleFrames?: Readonly<Rate> | undefined;
  /** How long a peer that has closed may leave its socket open or unread, milliseconds. Default 2,000. */
  endTimeoutMs?: number | undefined;
}

/**
 * A WebSocket in Node whose socket is read and written here, after `ws` has done the handshake. What arrives is handed out
 * before its message is complete, what is sent is masked into memory that is used again, and a relay's payloads go from
 * one socket to the other without a copy: this, and not `ws`, is what makes a stream as fast as a bare socket
 * (docs/performance.md).
 */
export class FramedWebSocket implements Connection {
  readonly announcesWritable = true;
  /** Masking is a copy. */
  readonly copiesMessages: boolean;
  private readonly socket: Socket;
  private head: Buffer;
  /** Has written, when it says so. Any other Duplex may have passed the very memory on to its reader. */
  private readonly isSystemSocket: boolean;
  private readonly parser: WebSocketParser;
  private handlers: ConnectionHandlers | undefined;
  private isCloseSent = false;
  private peerClose: ConnectionEnd | undefined;
  private failure: Error | undefined;
  private wasFull = false;
  private isPaused = false;
  private readonly idleFrames: RateBudget;
  /** When the socket goes, whatever its peer does; undefined until there is nothing left to wait for. */
  private endsAt: number | undefined;
  private readonly fillKey: (key: Buffer) => void;
  private readonly sent = () => this.drained();

  constructor(
    upgraded: UpgradedSocket,
    private readonly options: FramedWebSocketOptions,
  ) {
    this.copiesMessages = options.role === 'client';
    this.fillKey = options.generateMask ?? fillMaskKey;
    this.idleFrames = new RateBudget(options.idleFrames ?? IDLE_FRAMES, performance.now());
    this.socket = upgraded.socket;
    this.head = upgraded.head;
    this.isSystemSocket = upgraded.socket instanceof Socket;
    // From now on: until somebody starts this connection an error has no other listener.
    this.socket.on('error', (error) => {
      this.failure ??= error;
    });
    this.parser = new WebSocketParser(options.role === 'server', masking, {
      received: (bytes, isLast) => this.handlers?.received(bytes, isLast),
      text: () => this.text(),
      idle: () => this.spendIdleFrame(),
      ping: (payload) => this.pong(payload),
      close: (code, reason) => this.peerCloses(code, reason),
    });
  }

  start(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
    const { socket } = this;
    // A socket that an application brought may be any Duplex.
    socket.setTimeout?.(0);
    socket.setNoDelay?.();
    if (this.head.length > 0) socket.unshift(this.head);
    this.head = NO_BYTES;
    // A listener for data makes a socket flow, unless it is paused already.
    if (this.isPaused) socket.pause();
    socket.on('data', (bytes: Buffer) => this.read(bytes));
    socket.on('end', () => this.endSocket());
    socket.on('close', () => this.closed());
    handlers.writable();
  }

  get isWritable(): boolean {
    return this.mayWrite && this.socket.writableLength < NODE_HIGH_WATER_BYTES;
  }

  send(message: Message): void {
    if (!this.mayWrite) return;
    this.writeFrame(Opcode.binary, message);
  }

  /** What has been read of the socket by then is still handed out. */
  pause(): void {
    this.isPaused = true;
    // Before `start` nobody reads it anyway.
    if (this.handlers !== undefined) this.socket.pause();
  }

  resume(): void {
    this.isPaused = false;
    if (this.handlers !== undefined) this.socket.resume();
  }

  close(orderly: boolean, reason: string): void {
    // Or the peer's answer would never be seen.
    this.resume();
    this.sendClose(orderly ? CloseCode.normal : CloseCode.failed, closeReason(reason));
  }

  terminate(): void {
    this.socket.destroy();
  }

  private get mayWrite(): boolean {
    return !this.isCloseSent && !this.socket.destroyed && this.socket.writable;
  }

  private drained(): void {
    if (!this.wasFull || !this.isWritable) return;
    this.wasFull = false;
    this.handlers?.writable();
  }

  private read(bytes: Buffer): void {
    if (this.endsAt !== undefined && performance.now() > this.endsAt) return void this.socket.destroy();
    keepCollectionsYoung(bytes.length);
    try {
      this.parser.parse(bytes);
    } catch (error) {
      this.failure = error as Error;
      if (error instanceof WebSocketBreach) this.sendClose(error.closeCode, closeReason(error.message));
      else this.sendClose(INTERNAL_ERROR, '');
      this.endSocket();
    }
  }

  /** There is no text in the protocol, so it carries nothing either. */
  private text(): void {
    this.spendIdleFrame();
    this.handlers?.text();
  }

  /** @throws WebSocketBreach */
  private spendIdleFrame(): void {
    if (this.idleFrames.take(1, performance.now())) return;
    throw new WebSocketBreach(POLICY_VIOLATION, 'too many frames that carry nothing');
  }

  /** RFC 6455 section 5.5.3: a peer that pings faster than it reads is owed no answer to each. */
  private pong(payload: Uint8Array): void {
    if (this.options.autoPong !== false && this.isWritable) this.writeFrame(Opcode.pong, [payload]);
  }

  private peerCloses(code: number, reason: string): void {
    this.peerClose = { code, reason };
    this.sendClose(code, '');
    this.endSocket();
  }

  private sendClose(code: number, reason: string): void {
    if (!this.mayWrite) return;
    const payload = code === NO_STATUS ? [] : [Uint8Array.of(code >>> 8, code & 0xff), encodeUtf8(reason)];
    this.writeFrame(Opcode.close, payload);
    this.isCloseSent = true;
  }

  /** Both sides have said that it is over: what is still to be written goes out, and then the socket goes. */
  private endSocket(): void {
    if (this.endsAt !== undefined) return;
    const { socket } = this;
    const timeoutMs = this.options.endTimeoutMs ?? END_TIMEOUT_MS;
    this.endsAt = performance.now() + timeoutMs;
    // That timer starts again with whatever comes, which is read on: a socket with unread bytes would be reset, and the
    // peer never see what was written. Hence `endsAt`.
    socket.setTimeout?.(timeoutMs, () => socket.destroy());
    socket.end(() => socket.destroy());
  }

  private writeFrame(opcode: number, parts: Message): void {
    if (this.options.role === 'client') this.writeMasked(opcode, parts);
    else this.writePlain(opcode, parts);
    this.wasFull = !this.isWritable;
  }

  private writeMasked(opcode: number, parts: Message): void {
    const payloadBytes = messageBytes(parts);
    const frameBytes = headerBytes(payloadBytes, true) + payloadBytes;
    const memory = this.isSystemSocket ? wireMemory.take(frameBytes) : Buffer.allocUnsafe(frameBytes);
    const keyAt = writeFrameHeader(memory, 0, opcode, payloadBytes, true);
    const key = scratchKey;
    this.fillKey(key);
    memory.set(key, keyAt);
    const payloadAt = keyAt + key.length;
    let at = payloadAt;
    for (const part of parts) {
      masking.mask(part, rotateKey(key, at - payloadAt), memory, at);
      at += part.length;
    }
    this.socket.write(memory.length === frameBytes ? memory : memory.subarray(0, frameBytes), () => {
      if (this.isSystemSocket) wireMemory.give(memory);
      this.drained();
    });
  }

  private writePlain(opcode: number, parts: Message): void {
    const payloadBytes = messageBytes(parts);
    // Small parts in front share the header's memory: a write of many buffers costs by their number.
    const copied = countSmall(parts);
    const copiedBytes = messageBytes(parts.slice(0, copied));
    const header = Buffer.allocUnsafe(headerBytes(payloadBytes, false) + copiedBytes);
    let at = writeFrameHeader(header, 0, opcode, payloadBytes, false);
    for (let index = 0; index < copied; index++) {
      const part = parts[index] as Uint8Array;
      header.set(part, at);
      at += part.length;
    }
    if (copied === parts.length) this.socket.write(header, this.sent);
    else this.writeBehind(header, parts.slice(copied));
  }

  private writeBehind(header: Buffer, parts: Message): void {
    this.socket.cork();
    this.socket.write(header);
    for (const [index, part] of parts.entries()) {
      if (index === parts.length - 1) this.socket.write(part, this.sent);
      else this.socket.write(part);
    }
    this.socket.uncork();
  }

  private closed(): void {
    const handlers = this.handlers;
    this.handlers = undefined;
    const end = this.peerClose ?? { code: ABNORMAL_CLOSURE, reason: '' };
    const detail = this.failure?.message || end.reason;
    handlers?.closed(
      new TrunklineError('CONNECTION_LOST', `the WebSocket closed with ${end.code}${detail ? `: ${detail}` : ''}`, {
        ...(this.failure === undefined ? {} : { cause: this.failure }),
      }),
      end,
    );
  }
}

/** How many of the parts in front are small, up to the first that is not. */
function countSmall(parts: Message): number {
  const index = parts.findIndex(({ length }) => length > COPIED_PART_BYTES);
  return index === -1 ? parts.length : index;
}
