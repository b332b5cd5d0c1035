import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { guardHooks } from '../node/guarded-hooks.js';
import { type ServerOptions, SubprotocolServer, type WebSocket } from '../node/subprotocol-server.js';
import { SUBPROTOCOL } from '../protocol/constants.js';
import { DEFAULT_LIMITS, type Limits } from '../protocol/limits.js';
import type { TunnelAcceptorOptions } from '../sdk/acceptor-options.js';
import { callable } from '../sdk/callable.js';
import { TunnelAcceptor, type TunnelAcceptorEvents } from '../sdk/tunnel-acceptor.js';
import { type SocketLike, WebSocketConnection } from '../transport/websocket.js';

export interface TunnelServerOptions
  extends Omit<TunnelAcceptorOptions, 'handleProtocols'>,
    Omit<ServerOptions, 'handleProtocols'> {
  /**
   * Picks from what a dialer's application wants to speak (`protocols` of `connectTunnel`), and, as in `ws`, from the
   * subprotocols of a WebSocket that is no tunnel: if it picks one, that WebSocket is yours, by the event 'connection'.
   */
  handleProtocols?: ((protocols: Set<string>, request: IncomingMessage) => string | false) | undefined;
  /** How long a WebSocket's peer may leave a close unanswered, milliseconds. Default 30,000, as in `ws`, whose types lack it. */
  closeTimeout?: number | undefined;
}

/** What `ws` does by default and a tunnel does not want: deflate costs eight times the time, and messages are binary. */
const DEFAULTS = { perMessageDeflate: false, skipUTF8Validation: true };
/** A message of ours has to fit: below that no limits can be announced. */
const MIN_PAYLOAD_BYTES = 20 * 1024;

class TunnelServerClass extends TunnelAcceptor {
  private readonly server: SubprotocolServer;

  /**
   * Takes every option of `ws`'s WebSocketServer (`port`, `server`, `noServer`, `path`, `verifyClient`, ...) beside its own.
   * @param callback called when a server of its own listens (`port`)
   * @throws TypeError without one of `port`, `server` and `noServer`; RangeError for an option out of range
   */
  constructor(options: TunnelServerOptions = {}, callback?: () => void) {
    const limits = fitPayload(options);
    // Its requests are all upgrade requests.
    const handleProtocols = options.handleProtocols as TunnelAcceptorOptions['handleProtocols'];
    super({ ...options, limits, handleProtocols });
    const { maxMessageBytes } = this.options.tunnel.limits;
    const given = { ...DEFAULTS, ...options, maxPayload: options.maxPayload ?? maxMessageBytes } as ServerOptions;
    const hooks = guardHooks(given, (cause, hook) => this.report(cause, hook));
    this.server = new SubprotocolServer({ ...given, ...hooks }, callback);
    this.forwardEvents();
  }

  /** Their WebSockets, if `clientTracking` is not false. To end one ends its tunnel's connection, and no tunnel. */
  get clients(): Set<WebSocket> {
    return this.server.clients;
  }

  /** Where a server of its own listens. @throws Error with `noServer` */
  address(): AddressInfo | string | null {
    return this.server.address();
  }

  /** Whether an upgrade request is this server's: by `path`. */
  shouldHandle(request: IncomingMessage): boolean | Promise<boolean> {
    return this.server.shouldHandle(request);
  }

  /** For servers that route upgrades themselves (`noServer`), and for whatever else a request and a Duplex come from. */
  handleUpgrade(
    request: IncomingMessage,
    duplex: Duplex,
    head: Buffer,
    callback?: (webSocket: WebSocket, request: IncomingMessage) => void,
  ): void {
    this.server.handleUpgrade(request, duplex, head, (webSocket) => {
      this.server.emit('connection', webSocket, request);
      callback?.(webSocket, request);
    });
  }

  protected override async stopListening(): Promise<void> {
    this.server.close();
    const others = [...(this.server.clients ?? [])].filter(({ protocol }) => protocol !== SUBPROTOCOL);
    for (const webSocket of others) webSocket.close(GOING_AWAY_STATUS);
    await Promise.all(others.map((webSocket) => new Promise((resolve) => webSocket.once('close', resolve))));
  }

  private forwardEvents(): void {
    for (const event of ['listening', 'error', 'headers'])
      this.server.on(event, (...args) => this.emit(event, ...args));
    forwardWhileHeard(this.server, this, 'wsClientError');
    this.server.on('connection', (webSocket, request) => {
      if (webSocket.protocol === SUBPROTOCOL) {
        // Its own 'error' events are the connection's from here on.
        this.acceptConnection(new WebSocketConnection(webSocket as unknown as SocketLike), request);
      }
      this.emit('connection', webSocket, request);
    });
  }

  declare on: TunnelServerEvents<this>;
  declare once: TunnelServerEvents<this>;
}

interface TunnelServerEvents<Self> extends TunnelAcceptorEvents<Self, IncomingMessage> {
  (event: 'listening', listener: () => void): Self;
  (event: 'connection', listener: (webSocket: WebSocket, request: IncomingMessage) => void): Self;
  (event: 'headers', listener: (headers: string[], request: IncomingMessage) => void): Self;
  (event: 'wsClientError', listener: (error: Error, socket: Duplex, request: IncomingMessage) => void): Self;
}

const GOING_AWAY_STATUS = 1001;

/** Only while somebody listens: else `ws` answers a bad upgrade itself, and closes its socket. */
function forwardWhileHeard(from: EventEmitter, to: EventEmitter, event: string): void {
  const forward = (...args: unknown[]) => to.emit(event, ...args);
  const isUnheard = (changed: string | symbol) => changed === event && to.listenerCount(event) === 0;
  to.on('newListener', (changed) => {
    if (isUnheard(changed)) from.on(event, forward);
  });
  to.on('removeListener', (changed) => {
    if (isUnheard(changed)) from.off(event, forward);
  });
}

/** `ws` would close a WebSocket on a message that it does not take, so none is asked for. @throws RangeError */
function fitPayload({ limits, maxPayload }: TunnelServerOptions): Partial<Limits> | undefined {
  if (maxPayload === undefined || maxPayload === 0) return limits;
  if (maxPayload < MIN_PAYLOAD_BYTES)
    throw new RangeError(`maxPayload must be at least ${MIN_PAYLOAD_BYTES}, not ${maxPayload}`);
  const { maxMessageBytes, maxFrameBytes } = { ...DEFAULT_LIMITS, ...limits };
  const fitting = Math.min(maxMessageBytes, maxPayload);
  return { ...limits, maxMessageBytes: fitting, maxFrameBytes: Math.min(maxFrameBytes, fitting - 1024) };
}

/**
 * A WebSocket server of tunnels, without a relay. Works with and without `new`. Emits what `ws`'s server emits ('listening',
 * 'connection', 'headers', 'error', 'wsClientError', 'close') and what `TunnelAcceptor` does. The WebSocket of a tunnel is
 * shown by 'connection' for its address and its end; its messages are the tunnel's.
 */
export const TunnelServer = callable(TunnelServerClass);
export type TunnelServer = TunnelServerClass;
