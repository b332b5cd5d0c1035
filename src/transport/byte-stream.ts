import { TrunklineError, toTrunklineError } from '../protocol/errors.js';
import { type Message, messageBytes } from '../protocol/message-parts.js';
import { ByteStreamParser, LENGTH_BYTES, PREFACE } from './byte-stream-parser.js';
import type { Connection, ConnectionHandlers } from './connection.js';
import { copyMessage } from './copy-message.js';
import { describeFailure } from './failure-text.js';
import { NODE_HIGH_WATER_BYTES } from './websocket.js';

/**
 * The part of a Node Duplex that is used here: a TCP, Unix or TLS socket is one, a child's stdio joined, a stream of
 * another tunnel, and in a page whatever is made with `readable-stream`.
 */
export interface ByteStreamLike {
  readonly destroyed: boolean;
  readonly errored?: unknown;
  readonly readableEnded: boolean;
  readonly writable: boolean;
  readonly writableFinished: boolean;
  readonly writableLength: number;
  readonly readableObjectMode: boolean;
  readonly writableObjectMode: boolean;
  readonly readableEncoding: string | null | undefined;
  /** Sockets only. */
  readonly connecting?: boolean;
  on(event: 'data', listener: (chunk: unknown) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  cork(): void;
  uncork(): void;
  write(chunk: Uint8Array, written?: () => void): boolean;
  end(ended?: () => void): unknown;
  destroy(): unknown;
}

export interface ByteStreamOptions {
  /**
   * False only for a socket of the system: any other Duplex may hand its reader the very memory that was written, which is
   * kept here to be sent again, and which that reader may change. Default true.
   */
  copiesMessages?: boolean | undefined;
}

/** Up to here copying a part costs less than writing it as a buffer of its own. */
const COPIED_PART_BYTES = 4 * 1024;

/**
 * Any Duplex of bytes as a connection: a preface, and then messages, each behind its length (PROTOCOL.md section 2). Takes
 * the Duplex over: nobody else may read or write it, and it ends with the connection.
 *
 *   new ──start──> open ──close, the peer's end──> ending ──both directions are over──> closed
 *   any ──error, terminate, the Duplex closes──> closed
 */
export class ByteStreamConnection implements Connection {
  readonly announcesWritable = true;
  readonly copiesMessages: boolean;
  private state: 'new' | 'open' | 'ending' | 'closed' = 'new';
  private handlers: ConnectionHandlers | undefined;
  private readonly parser = new ByteStreamParser((bytes, isLast) => this.handlers?.received(bytes, isLast));
  /** Why it is over, where there is more to say than that. */
  private failure: TrunklineError | undefined;
  private isPaused = false;
  private wasFull = false;
  private readonly written = () => this.drained();

  constructor(
    private readonly stream: ByteStreamLike,
    options: ByteStreamOptions = {},
  ) {
    this.copiesMessages = options.copiesMessages ?? true;
    // From now on: until somebody starts this connection an error has no other listener.
    stream.on('error', (error) => this.fail(streamError(error)));
  }

  start(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
    const unusable = whyUnusable(this.stream);
    if (unusable !== undefined) return this.fail(unusable);
    this.state = 'open';
    this.stream.on('data', (chunk) => this.read(chunk));
    this.stream.on('end', () => this.peerEnded());
    this.stream.on('close', () => this.closed());
    // Whoever had it before may have paused it.
    if (!this.isPaused) this.stream.resume();
    this.write(() => {
      // Its reader may do with it as it likes.
      this.stream.write(new Uint8Array(PREFACE));
      // Together with what there is to say at once.
      handlers.writable();
    });
  }

  get isWritable(): boolean {
    return this.mayWrite && this.stream.writableLength < NODE_HIGH_WATER_BYTES;
  }

  send(message: Message): void {
    if (!this.mayWrite) return;
    this.write(() => (this.copiesMessages ? this.writeCopy(message) : this.writeParts(message)));
    this.wasFull = !this.isWritable;
  }

  /** Everything that was said of the reason was said in band. */
  close(): void {
    // Nobody is there yet who could be told.
    if (this.stream.connecting === true) return this.terminate();
    // The other side's end has to be seen.
    this.resume();
    this.end();
  }

  terminate(): void {
    this.stream.destroy();
    // Not every Duplex says that it has closed.
    queueMicrotask(() => this.closed());
  }

  pause(): void {
    this.isPaused = true;
    this.stream.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.stream.resume();
  }

  private get mayWrite(): boolean {
    return this.state === 'open' && this.stream.writable;
  }

  /** What is written meanwhile leaves in one piece. */
  private write(action: () => void): void {
    try {
      this.stream.cork();
      action();
      this.stream.uncork();
    } catch (error) {
      // A Duplex of somebody's own, which throws what it should have told.
      this.fail(streamError(error));
    }
  }

  private writeCopy(message: Message): void {
    const bytes = copyMessage(message, LENGTH_BYTES);
    writeLength(bytes, bytes.length - LENGTH_BYTES);
    this.stream.write(bytes, this.written);
  }

  /** Small parts in front share the length's memory: a write of many buffers costs by their number. */
  private writeParts(message: Message): void {
    const small = countSmall(message);
    const head = copyMessage(message.slice(0, small), LENGTH_BYTES);
    writeLength(head, messageBytes(message));
    const parts = [head, ...message.slice(small)];
    for (const [index, part] of parts.entries()) {
      if (index === parts.length - 1) this.stream.write(part, this.written);
      else this.stream.write(part);
    }
  }

  private drained(): void {
    if (!this.wasFull || !this.isWritable) return;
    this.wasFull = false;
    this.handlers?.writable();
  }

  private read(chunk: unknown): void {
    if (this.failure !== undefined) return;
    if (!(chunk instanceof Uint8Array)) return this.fail(notBytes());
    try {
      this.parser.parse(chunk);
    } catch (error) {
      this.failure = toTrunklineError(error, 'CONNECTION_LOST');
      // Whoever is there sees our preface, and then the end.
      this.state = 'ending';
      this.stream.end(() => this.terminate());
    }
  }

  private peerEnded(): void {
    const { unfinished } = this.parser;
    if (unfinished !== undefined && this.state !== 'ending')
      this.failure ??= lost(`the byte stream ended inside ${unfinished}`);
    const hasAllLeft = this.stream.writableLength === 0;
    this.end();
    this.destroyOnceDone();
    // Nothing comes any more and nothing waits. Not every Duplex gets through its own end: a child's stdin may not, when the
    // child is gone.
    if (hasAllLeft) this.closed();
  }

  private end(): void {
    if (this.state !== 'open') return;
    this.state = 'ending';
    this.stream.end(() => this.destroyOnceDone());
  }

  /** Most do so by themselves. */
  private destroyOnceDone(): void {
    if (this.stream.readableEnded && this.stream.writableFinished) this.terminate();
  }

  private fail(error: TrunklineError): void {
    this.failure ??= error;
    this.terminate();
  }

  private closed(): void {
    const { handlers } = this;
    // One that was not started yet tells it then.
    if (handlers === undefined) return;
    this.state = 'closed';
    this.handlers = undefined;
    handlers.closed(this.failure ?? lost('the byte stream closed'));
  }
}

function writeLength(target: Uint8Array, length: number): void {
  new DataView(target.buffer, target.byteOffset).setUint32(0, length);
}

/** How many of the parts in front are small, up to the first that is not. */
function countSmall(parts: Message): number {
  const index = parts.findIndex(({ length }) => length > COPIED_PART_BYTES);
  return index === -1 ? parts.length : index;
}

function whyUnusable(stream: ByteStreamLike): TrunklineError | undefined {
  if (stream.readableObjectMode || stream.writableObjectMode || stream.readableEncoding) return notBytes();
  if (stream.errored) return streamError(stream.errored);
  if (stream.destroyed) return lost('the byte stream had been destroyed before it was used');
  if (stream.readableEnded || !stream.writable) return lost('the byte stream had ended before it was used');
  return undefined;
}

function notBytes(): TrunklineError {
  return lost('the stream is none of bytes: it has an encoding, or is in object mode');
}

function streamError(error: unknown): TrunklineError {
  return new TrunklineError('CONNECTION_LOST', `the byte stream closed: ${describeFailure(error)}`, { cause: error });
}

function lost(message: string): TrunklineError {
  return new TrunklineError('CONNECTION_LOST', message);
}
