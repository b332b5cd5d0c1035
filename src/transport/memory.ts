import { TrunklineError } from '../protocol/errors.js';
import { joinMessage, type Message } from '../protocol/message-parts.js';
import type { Connection, ConnectionHandlers } from './connection.js';

/** How many undelivered bytes make a side of the pair refuse more; like a socket's buffer. */
const HIGH_WATER_BYTES = 128 * 1024;

/** Two ends of a connection in this process: what one sends the other receives, in a later microtask. */
export function createMemoryPair(): [Connection, Connection] {
  const left = new MemoryConnection();
  const right = new MemoryConnection();
  left.connectTo(right);
  right.connectTo(left);
  return [left, right];
}

class MemoryConnection implements Connection {
  readonly announcesWritable = true;
  readonly copiesMessages = true;
  private peer: MemoryConnection | undefined;
  private handlers: ConnectionHandlers | undefined;
  private queue: Uint8Array[] = [];
  private queuedBytes = 0;
  private isScheduled = false;
  private isClosed = false;

  connectTo(peer: MemoryConnection): void {
    this.peer = peer;
  }

  start(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
    queueMicrotask(() => this.handlers?.writable());
    this.peer?.schedule();
  }

  get isWritable(): boolean {
    return !this.isClosed && this.handlers !== undefined && this.queuedBytes < HIGH_WATER_BYTES;
  }

  send(message: Message): void {
    if (this.isClosed) return;
    // As a socket does: what was sent and what is received are different memory, and either side may keep its own.
    const bytes = message.length === 1 ? new Uint8Array(message[0] as Uint8Array) : joinMessage(message);
    this.queue.push(bytes);
    this.queuedBytes += bytes.length;
    this.schedule();
  }

  close(_orderly: boolean, reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    queueMicrotask(() => {
      this.deliver();
      this.end(reason);
      this.peer?.end(reason);
    });
  }

  terminate(): void {
    this.queue = [];
    this.close(false, 'terminated');
  }

  private schedule(): void {
    if (this.isScheduled || this.queue.length === 0) return;
    this.isScheduled = true;
    queueMicrotask(() => this.deliver());
  }

  private deliver(): void {
    this.isScheduled = false;
    // A peer that has not started yet gets everything when it does.
    if (this.peer?.handlers === undefined) return;
    const wasFull = this.queuedBytes >= HIGH_WATER_BYTES;
    const messages = this.queue;
    this.queue = [];
    this.queuedBytes = 0;
    for (const message of messages) this.peer.handlers?.received(message, true);
    if (wasFull && this.isWritable) this.handlers?.writable();
  }

  private end(reason: string): void {
    this.isClosed = true;
    const handlers = this.handlers;
    this.handlers = undefined;
    handlers?.closed(new TrunklineError('CONNECTION_LOST', `the connection closed: ${reason}`));
  }
}
