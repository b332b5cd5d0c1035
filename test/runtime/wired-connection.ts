import { TrunklineError } from '../../src/protocol/errors.js';
import { joinMessage, type Message } from '../../src/protocol/message-parts.js';
import type { Connection, ConnectionEnd, ConnectionHandlers } from '../../src/transport/connection.js';

/**
 * A transport of which the test holds the other end: what it was given to send lies in `sent`, and two of them can be joined,
 * so that each receives what the other is given.
 */
export class WiredConnection implements Connection {
  readonly announcesWritable = true;
  readonly copiesMessages = false;
  isWritable = true;
  handlers!: ConnectionHandlers;
  readonly sent: Uint8Array[] = [];
  isOver = false;
  isReading = true;
  private peer: WiredConnection | undefined;
  private unread: Uint8Array[] = [];

  static joined(): [WiredConnection, WiredConnection] {
    const [one, other] = [new WiredConnection(), new WiredConnection()];
    one.peer = other;
    other.peer = one;
    return [one, other];
  }

  start(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
  }

  send(message: Message): void {
    const bytes = joinMessage(message).slice();
    if (this.peer) this.peer.receive(bytes);
    else this.sent.push(bytes);
  }

  /** In parts, or whole, as it comes. */
  receive(bytes: Uint8Array): void {
    if (this.isReading) this.handlers.received(bytes, true);
    else this.unread.push(bytes);
  }

  close(_orderly: boolean, reason: string): void {
    this.cut({ code: 1000, reason });
  }

  terminate(): void {
    this.cut();
  }

  pause(): void {
    this.isReading = false;
  }

  resume(): void {
    this.isReading = true;
    for (const bytes of this.unread.splice(0)) this.receive(bytes);
  }

  /** Over, at both ends. */
  cut(end?: ConnectionEnd): void {
    if (this.isOver) return;
    this.isOver = true;
    this.handlers.closed(new TrunklineError('CONNECTION_LOST', 'the wire is cut'), end);
    this.peer?.cut(end);
  }
}
