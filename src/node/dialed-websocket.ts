import type { ClientOptions } from 'ws';
import { SUBPROTOCOL } from '../protocol/constants.js';
import { TrunklineError } from '../protocol/errors.js';
import type { Message } from '../protocol/message-parts.js';
import type { Connection, ConnectionHandlers } from '../transport/connection.js';
import { WEBSOCKET_DEFAULTS } from '../transport/dial.js';
import { dialFailureCode } from '../transport/refused-upgrade.js';
import { FramedWebSocket, type FramedWebSocketOptions } from './framed-websocket.js';
import { UpgradedWebSocket } from './upgraded-websocket.js';

/** dialing ──handshake done──> framed: everything is the framed WebSocket's from then on */
export class DialedWebSocket implements Connection {
  readonly announcesWritable = true;
  readonly copiesMessages = true;
  private readonly shell: UpgradedWebSocket;
  private framed: FramedWebSocket | undefined;
  private isPaused = false;

  /** Dials. @throws what `ws` throws for a URL or options that make no sense */
  constructor(
    url: string,
    private readonly options: Omit<FramedWebSocketOptions, 'role'> = {},
  ) {
    this.shell = new UpgradedWebSocket(url, [SUBPROTOCOL], { ...WEBSOCKET_DEFAULTS, ...options } as ClientOptions);
  }

  start(handlers: ConnectionHandlers): void {
    const { shell } = this;
    let failure: Error | undefined;
    shell.on('error', (error) => {
      failure = error;
    });
    shell.on('open', () => {
      failure = new Error(`the other side speaks no ${SUBPROTOCOL}, or wants extensions: "${shell.extensions}"`);
      shell.terminate();
    });
    shell.on('close', (code, reason) => handlers.closed(dialError(code, failure), { code, reason: reason.toString() }));
    shell.onUpgraded((upgraded) => {
      this.framed = new FramedWebSocket(upgraded, { ...this.options, role: 'client' });
      if (this.isPaused) this.framed.pause();
      this.framed.start(handlers);
    });
  }

  get isWritable(): boolean {
    return this.framed?.isWritable ?? false;
  }

  send(message: Message): void {
    this.framed?.send(message);
  }

  /** While it is dialing, the handshake goes on; what comes behind it waits. */
  pause(): void {
    this.isPaused = true;
    this.framed?.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.framed?.resume();
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
  // A dial that came to nothing at the proxy, say.
  if (failure instanceof TrunklineError) return failure;
  const detail = failure === undefined ? '' : `: ${failure.message}`;
  return new TrunklineError(dialFailureCode(failure?.message), `the WebSocket closed with ${code}${detail}`, {
    ...(failure === undefined ? {} : { cause: failure }),
  });
}
