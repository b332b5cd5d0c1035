import { SUBPROTOCOL } from '../protocol/constants.js';
import { TrunklineError } from '../protocol/errors.js';
import { joinMessage, type Message } from '../protocol/message-parts.js';
import { CloseCode, closeReason } from './close-reason.js';
import type { Connection, ConnectionEnd, ConnectionHandlers } from './connection.js';
import { dialFailureCode } from './refused-upgrade.js';

/** The part of WebSocket that a browser's and `ws`'s have in common, and what `ws` adds where it is there. */
export interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  send(data: Uint8Array<ArrayBuffer>, sent?: () => void): void;
  close(code?: number, reason?: string): void;
  /** `ws` only. Where it is there, `send` takes a callback that says when the bytes have left the process. */
  terminate?(): void;
  /** `ws` only. */
  pause?(): void;
  resume?(): void;
  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'error', listener: (event: { message?: string; error?: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void;
}

const OPEN = 1;

/** Past this, a stream's turn would wait behind bytes that are already committed; below, throughput suffers nothing. */
export const NODE_HIGH_WATER_BYTES = 128 * 1024;
/** A page learns late that its socket has drained (by credit, or a timer), so it keeps more in hand. */
const PAGE_HIGH_WATER_BYTES = 1024 * 1024;

/** A WebSocket, dialed or accepted, in page or Node, as a connection. */
export class WebSocketConnection implements Connection {
  readonly announcesWritable: boolean;
  /** A page's `send` takes a copy; `ws` may deflate later, or write to its socket what it was given. */
  readonly copiesMessages: boolean;
  /** Not there at all, not even as undefined, where the socket has none. */
  declare readonly pause?: () => void;
  declare readonly resume?: () => void;
  private isPaused = false;
  private handlers: ConnectionHandlers | undefined;
  private readonly highWaterBytes: number;
  private wasFull = false;
  private failure: { message?: string; error?: unknown } | undefined;
  private readonly sent = () => this.drained();

  constructor(private readonly socket: SocketLike) {
    this.announcesWritable = typeof socket.terminate === 'function';
    this.copiesMessages = !this.announcesWritable;
    this.highWaterBytes = this.announcesWritable ? NODE_HIGH_WATER_BYTES : PAGE_HIGH_WATER_BYTES;
    // Blobs would have to be read asynchronously and cost two to three times as much; `ws` hands out Buffers uncopied.
    socket.binaryType = this.announcesWritable ? 'nodebuffer' : 'arraybuffer';
    if (socket.pause && socket.resume) {
      this.pause = () => {
        this.isPaused = true;
        socket.pause?.();
      };
      this.resume = () => {
        this.isPaused = false;
        socket.resume?.();
      };
    }
  }

  start(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
    this.socket.addEventListener('open', () => this.opened());
    this.socket.addEventListener('message', (event) => this.received(event.data));
    this.socket.addEventListener('error', (event) => {
      this.failure = event;
    });
    this.socket.addEventListener('close', (event) => this.closed(event));
    if (this.socket.readyState === OPEN) this.opened();
  }

  get isWritable(): boolean {
    return this.socket.readyState === OPEN && this.socket.bufferedAmount < this.highWaterBytes;
  }

  send(message: Message): void {
    if (this.socket.readyState !== OPEN) return;
    // Never shared memory: messages are allocated here or come from a socket.
    const bytes = joinMessage(message) as Uint8Array<ArrayBuffer>;
    if (this.announcesWritable) this.socket.send(bytes, this.sent);
    else this.socket.send(bytes);
    this.wasFull = !this.isWritable;
  }

  close(orderly: boolean, reason: string): void {
    // Or the peer's answer would never be seen.
    this.resume?.();
    this.socket.close(orderly ? CloseCode.normal : CloseCode.failed, closeReason(reason));
  }

  terminate(): void {
    if (this.socket.terminate) this.socket.terminate();
    else this.socket.close();
  }

  private opened(): void {
    if (this.socket.protocol !== SUBPROTOCOL) {
      this.failure = { message: `the other side speaks no ${SUBPROTOCOL}` };
      this.terminate();
      return;
    }
    // `ws` forgets what it was told while it was dialing.
    if (this.isPaused) this.socket.pause?.();
    this.handlers?.writable();
  }

  private received(data: unknown): void {
    if (data instanceof Uint8Array) this.handlers?.received(data, true);
    else if (data instanceof ArrayBuffer) this.handlers?.received(new Uint8Array(data), true);
    else this.handlers?.text();
  }

  private drained(): void {
    if (!this.wasFull || !this.isWritable) return;
    this.wasFull = false;
    this.handlers?.writable();
  }

  private closed({ code, reason }: ConnectionEnd): void {
    const handlers = this.handlers;
    this.handlers = undefined;
    handlers?.closed(this.lossError(code, reason), { code, reason });
  }

  private lossError(code: number, reason: string): TrunklineError {
    const cause = this.failure?.error;
    // Who dialed knows better than `ws` what it was.
    if (cause instanceof TrunklineError) return cause;
    const detail = this.failure?.message || reason;
    const text = `the WebSocket closed with ${code}${detail ? `: ${detail}` : ''}`;
    return new TrunklineError(dialFailureCode(this.failure?.message), text, {
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
