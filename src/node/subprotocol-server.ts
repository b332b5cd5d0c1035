import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { SUBPROTOCOL } from '../protocol/constants.js';
import { offeredProtocols } from './offered-protocols.js';
import { refuseUpgrade } from './refuse-upgrade.js';

export type { ServerOptions, WebSocket };

type HandleProtocols = NonNullable<ServerOptions['handleProtocols']>;

/**
 * `ws`'s server, for WebSockets that speak our subprotocol and for those of the application's own beside them: any that its
 * `handleProtocols` picks. Who offers neither gets a 400, since it could not read a GOAWAY.
 */
export class SubprotocolServer extends WebSocketServer {
  private readonly pickOther: HandleProtocols | undefined;
  private readonly picked: WeakMap<IncomingMessage, string>;

  constructor(options: ServerOptions, callback?: () => void) {
    const picked = new WeakMap<IncomingMessage, string>();
    const pick: HandleProtocols = (offered, request) =>
      offered.has(SUBPROTOCOL) ? SUBPROTOCOL : (picked.get(request) ?? false);
    super({ ...options, handleProtocols: pick }, callback);
    this.picked = picked;
    this.pickOther = options.handleProtocols;
  }

  override handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: (client: WebSocket, request: IncomingMessage) => void,
  ): void {
    const offered = new Set(offeredProtocols(request));
    if (offered.has(SUBPROTOCOL) || this.takesOther(offered, request))
      return super.handleUpgrade(request, socket, head, callback);
    refuseUpgrade(socket, 400, `This server speaks the WebSocket subprotocol ${SUBPROTOCOL}.`);
  }
  /** The application is asked once. Without anything to pick from it is not, as in `ws`. */
  private takesOther(offered: Set<string>, request: IncomingMessage): boolean {
    const picked = offered.size > 0 && this.pickOther?.(offered, request);
    if (!picked) return false;
    this.picked.set(request, picked);
    return true;
  }
}
