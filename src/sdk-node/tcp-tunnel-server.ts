import { once } from 'node:events';
import {
  type AddressInfo,
  createServer as createNetServer,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { TunnelAcceptorOptions } from '../sdk/acceptor-options.js';
import { type OnTunnel, TunnelAcceptor, type TunnelAcceptorEvents } from '../sdk/tunnel-acceptor.js';
import { ByteStreamConnection } from '../transport/byte-stream.js';

export interface TcpTunnelServerOptions extends TunnelAcceptorOptions {
  /** TLS on top: what `tls.createServer` takes (`key`, `cert`, ...). */
  tls?: TlsOptions | undefined;
}

/** As the tunnel's own. */
const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Tunnels over TCP, TLS or a Unix socket. Events are those of `TunnelAcceptor`, and 'listening', and 'error' of the system,
 * which throws if nobody listens, as a `net.Server`'s does.
 */
export class TcpTunnelServer extends TunnelAcceptor {
  private readonly server: Server;
  private hasFailed = false;

  /** @internal Use `listenTcp`. */
  constructor(address: ListenOptions, { tls, ...options }: TcpTunnelServerOptions, onTunnel?: OnTunnel<Socket>) {
    super(options, onTunnel as OnTunnel | undefined);
    const take = (socket: Socket) => this.take(socket);
    // Else a peer has two minutes to say nothing.
    const handshakeTimeout = this.options.tunnel.handshakeTimeoutMs ?? TLS_HANDSHAKE_TIMEOUT_MS;
    this.server = tls === undefined ? createNetServer(take) : createTlsServer({ handshakeTimeout, ...tls }, take);
    // Node leaves to its listeners what becomes of a socket whose handshake failed.
    this.server.on('tlsClientError', (_error, socket: Socket) => socket.destroy());
    this.server.on('listening', () => this.emit('listening'));
    this.server.on('error', (error) => this.failed(error));
    this.server.listen(address);
  }

  /** Where it listens; null before 'listening'. */
  address(): AddressInfo | string | null {
    return this.server.address();
  }

  protected override async stopListening(): Promise<void> {
    // A host's address may still be looked up.
    if (!this.server.listening && !this.hasFailed) await once(this.server, 'listening').catch(() => {});
    if (this.server.listening) this.server.close();
  }

  private failed(error: Error): void {
    if (!this.server.listening) this.hasFailed = true;
    this.emit('error', error);
  }

  private take(socket: Socket): void {
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
    this.acceptConnection(new ByteStreamConnection(socket, { copiesMessages: false }), socket);
  }

  declare on: TcpTunnelServerEvents<this>;
  declare once: TcpTunnelServerEvents<this>;
}

interface TcpTunnelServerEvents<Self> extends TunnelAcceptorEvents<Self, Socket> {
  (event: 'listening', listener: () => void): Self;
}

/**
 * Takes tunnels on a port (0: any free one), a Unix socket's path, or what `net.Server.listen` takes. `onTunnel` gets the
 * tunnel and its socket.
 * @throws RangeError or TypeError for an option that makes no sense
 */
export function listenTcp(
  address: number | string | ListenOptions,
  options: TcpTunnelServerOptions | OnTunnel<Socket> = {},
  onTunnel?: OnTunnel<Socket>,
): TcpTunnelServer {
  const isCallback = typeof options === 'function';
  return new TcpTunnelServer(toListenOptions(address), isCallback ? {} : options, isCallback ? options : onTunnel);
}

function toListenOptions(address: number | string | ListenOptions): ListenOptions {
  if (typeof address === 'object') return address;
  return typeof address === 'string' ? { path: address } : { port: address };
}
