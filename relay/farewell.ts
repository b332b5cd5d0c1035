import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Message } from '../src/protocol/message-parts.js';
import { isId } from '../src/protocol/messages.js';
import type { Clock } from '../src/runtime/clock.js';
import type { Connection, ConnectionHandlers } from '../src/transport/connection.js';

/** How long after its socket a page's word that it has left may come. */
const FAREWELL_WAIT_MS = 1_000;
/** An endpoint's secret, and nothing else. */
const FAREWELL_BYTES = 32;

/**
 * Answers a page that says by HTTP that it has left (PROTOCOL.md section 10). Whoever knows an endpoint's secret is that
 * endpoint; anything else is told no more than that it was heard.
 */
export function takeFarewell(request: IncomingMessage, response: ServerResponse, left: (secret: string) => void): void {
  if (request.method !== 'POST') {
    response.writeHead(405, { Allow: 'POST' }).end();
    return;
  }
  let text = '';
  request.setEncoding('latin1');
  request.on('data', (part: string) => {
    text += part;
    if (text.length <= FAREWELL_BYTES) return;
    response.writeHead(413, { Connection: 'close' }).end();
    request.destroy();
  });
  request.on('end', () => {
    if (isId(text)) left(text);
    response.writeHead(204).end();
  });
  // A page that is gone may be so before it has said everything.
  request.on('error', () => {});
}

/**
 * A page's connection. That its socket has gone is told a moment late: by then the page may have said that it left, which
 * is another matter than a socket that was lost. Whoever comes back meanwhile is not kept waiting.
 */
export class PageConnection implements Connection {
  readonly announcesWritable: boolean;
  readonly copiesMessages: boolean;
  private tellNow: (() => void) | undefined;
  private isEnding = false;

  constructor(
    private readonly socket: Connection,
    private readonly clock: Clock,
  ) {
    this.announcesWritable = socket.announcesWritable;
    this.copiesMessages = socket.copiesMessages;
  }

  start(handlers: ConnectionHandlers): void {
    this.socket.start({
      writable: () => handlers.writable(),
      received: (bytes, isLast) => handlers.received(bytes, isLast),
      text: () => handlers.text(),
      closed: (error) => {
        if (this.isEnding) handlers.closed(error);
        else this.tellLater(() => handlers.closed(error));
      },
    });
  }

  get isWritable(): boolean {
    return this.socket.isWritable;
  }

  send(message: Message): void {
    this.socket.send(message);
  }

  /** There is nothing left to wait for. */
  close(orderly: boolean, reason: string): void {
    this.isEnding = true;
    if (this.tellNow) this.tellNow();
    else this.socket.close(orderly, reason);
  }

  terminate(): void {
    this.isEnding = true;
    if (this.tellNow) this.tellNow();
    else this.socket.terminate();
  }

  private tellLater(tell: () => void): void {
    const cancel = this.clock.setTimer(FAREWELL_WAIT_MS, () => this.tellNow?.());
    this.tellNow = () => {
      this.tellNow = undefined;
      cancel();
      tell();
    };
  }
}
