import type { ClientOptions } from 'ws';
import { SUBPROTOCOL } from '../protocol/constants.js';
import { TrunklineError } from '../protocol/errors.js';
import type { Message } from '../protocol/message-parts.js';
import type { Connection, ConnectionHandlers } from '../transport/connection.js';
import { WEBSOCKET_DEFAULTS } from '../transport/dial.js';
import { FramedWebSocket, type FramedWebSocketOptions } from './framed-websocket.js';
import { UpgradedWebSocket } from './upgraded-websocket.js';

/** dialing ──handshake done──> framed: everything is the framed WebSocket's from then on */
export class DialedWebSocket implements Connection {
  readonly announcesWritable = true;
  readonly copiesMessages = true;
  private readonly shell: UpgradedWebSocket;
  private framed: FramedWebSocket | undefined;

  /** Dials. @throws what `ws` throws for a URL or options that make no sense */
  constructor(
    url: string,
    private readonly options: Omit<FramedWebSocketOptions, 'role'> = {},
  ) {
    this.shell = new UpgradedWebSocket(url, [SUBPROTOCOL], { ...WEBSOCKET_DEFAULTS, ...options } as ClientOptions);
  }

  start(handlers: ConnectionHandlers): void {
    let failure: Error | undefined;
    this.shell.on('error', (error) => {
      failure = error;
    });
    this.shell.on('close', (code) => handlers.closed(dialError(code, failure)));
    this.shell.onUpgraded((upgraded) => {
      this.framed = new FramedWebSocket(upgraded, { ...this.options, role: 'client' });
      this.framed.start(handlers);
    });
  }

  get isWritable(): boolean {
    return this.framed?.isWritable ?? false;
  }

  send(message: Message): void {
    this.framed?.send(message);
  }

  close(orderly: boolean, reason: string): void {
    if (this.framed) this.framed.close(orderly, reason);
    else this.shell.terminate();
  }

  terminate(): void {
    if (this.framed) this.framed.terminate();
    else this.shell.terminate();
  }
}

function dialError(code: number, failure: Error | undefined): TrunklineError {
  const detail = failure === undefined ? '' : `: ${failure.message}`;
  return new TrunklineError('CONNECTION_LOST', `the WebSocket closed with ${code}${detail}`, {
    ...(failure === undefined ? {} : { cause: failure }),
  });
}
