// The one import of `ws` on the relay's side.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { FramedWebSocket } from '../src/node/framed-websocket.js';
import { offeredProtocols } from '../src/node/offered-protocols.js';
import { refuseUpgrade } from '../src/node/refuse-upgrade.js';
import type { ServerOptions } from '../src/node/subprotocol-server.js';
import { UpgradedWebSocket } from '../src/node/upgraded-websocket.js';
import { SUBPROTOCOL } from '../src/protocol/constants.js';
import { TrunklineError } from '../src/protocol/errors.js';
import type { Connection } from '../src/transport/connection.js';
import { type SocketLike, WebSocketConnection } from '../src/transport/websocket.js';
import { upgradeHooks } from './upgrade-hooks.js';

export interface UpgradeOptions {
  maxMessageBytes: number;
  /** Passed through to `ws`. */
  ws: object;
  /** A hook of `ws` threw. */
  defectFound: (error: TrunklineError) => void;
}

/**
 * Turns an HTTP upgrade into a connection, once `accept` says what to do with it. A client that does not offer our
 * subprotocol gets a 400: it is none of ours, and could not read a GOAWAY.
 */
export class Upgrader {
  private readonly server: WebSocketServer;

  constructor(private readonly options: UpgradeOptions) {
    this.server = new WebSocketServer({
      // Deflate costs eight times the time and memory without bound under load; our messages are binary.
      perMessageDeflate: false,
      skipUTF8Validation: true,
      ...(isDeflating(options.ws) ? {} : { WebSocket: UpgradedWebSocket }),
      ...options.ws,
      ...upgradeHooks(options.ws as ServerOptions, (cause, hook) => options.defectFound(toDefect(cause, hook))),
      maxPayload: options.maxMessageBytes,
      noServer: true,
      clientTracking: false,
    });
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, accept: (connection: Connection) => void): void {
    // Between here and `ws` taking over, an error on the raw socket would have no listener.
    socket.on('error', ignore);
    if (!offeredProtocols(request).includes(SUBPROTOCOL))
      return refuseUpgrade(
        socket,
        400,
        `This is a Trunkline relay; it speaks the WebSocket subprotocol ${SUBPROTOCOL}.`,
      );
    this.server.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', ignore);
      this.connect(webSocket, accept);
    });
  }

  /** An application's own class, and a WebSocket with deflate, are used as they are. */
  private connect(webSocket: WebSocket, accept: (connection: Connection) => void): void {
    if (webSocket instanceof UpgradedWebSocket)
      webSocket.onUpgraded((upgraded) => accept(new FramedWebSocket(upgraded, { ...this.options.ws, role: 'server' })));
    else accept(new WebSocketConnection(webSocket as unknown as SocketLike));
  }
}

function isDeflating(options: object): boolean {
  return 'perMessageDeflate' in options && Boolean(options.perMessageDeflate);
}

/** Whatever it threw, also an error of ours: it is a defect, and no refusal. */
function toDefect(cause: unknown, hook: string): TrunklineError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new TrunklineError('INTERNAL', `${hook} failed: ${text}`, { cause });
}

/** The peer of a socket that is being upgraded may close it first; there is nothing to do about it. */
function ignore(): void {}
