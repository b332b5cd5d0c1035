import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { listenOnFreePort } from './free-port.js';

export interface ConnectProxyOptions {
  /** `user:password`, which a client must bring; anybody else gets a 407. */
  credentials?: string;
  /** Speak TLS to clients. */
  tls?: { key: string; cert: string };
  /** Where a host leads, whatever port was asked for. All others are where they say. */
  hosts?: Record<string, number>;
}

/** An HTTP proxy that knows CONNECT and nothing else. */
export class ConnectProxy {
  /** What was asked for, `host:port`, refused or not; oldest first. */
  readonly asked: string[] = [];
  /** Tunnels that came about. */
  tunnels = 0;
  /** Instead of what it does otherwise: what to do with a client that has asked. */
  answer: ((socket: Duplex) => unknown) | undefined;
  private readonly sockets = new Set<Duplex>();

  private constructor(
    private readonly server: Server,
    private readonly options: ConnectProxyOptions,
    /** `127.0.0.1:port` */
    readonly authority: string,
  ) {}

  static async start(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
    const server = options.tls ? createHttpsServer(options.tls) : createServer();
    const proxy = new ConnectProxy(server, options, `127.0.0.1:${await listenOnFreePort(server)}`);
    server.on('connect', (request, socket) => proxy.connect(request, socket));
    return proxy;
  }

  get url(): string {
    return `${this.options.tls ? 'https' : 'http'}://${this.authority}`;
  }

  /** With these in front. */
  urlFor(user: string, password: string): string {
    return this.url.replace('//', `//${encodeURIComponent(user)}:${encodeURIComponent(password)}@`);
  }

  /** Everybody gets this status. */
  refuse(status: number): void {
    this.answer = (socket) => socket.end(statusLine(status));
  }

  /** Nobody gets an answer. */
  hang(): void {
    this.answer = (socket) => socket.on('end', () => socket.end()).resume();
  }

  /** All tunnels of now end, at both ends. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  get openSockets(): number {
    return this.sockets.size;
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    this.cut();
    await closed;
  }

  private connect(request: IncomingMessage, client: Duplex): void {
    this.keep(client);
    this.asked.push(request.url ?? '');
    if (this.answer) this.answer(client);
    else if (!this.admits(request)) client.end(statusLine(407));
    else this.join(client, request.url ?? '');
  }

  private admits({ headers }: IncomingMessage): boolean {
    const { credentials } = this.options;
    const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
    return headers['proxy-authorization'] === (expected || undefined);
  }

  private join(client: Duplex, authority: string): void {
    const { hostname, port } = new URL(`http://${authority}`);
    const mapped = this.options.hosts?.[hostname];
    const server: Socket = mapped === undefined ? connect(Number(port || 80), hostname) : connect(mapped, '127.0.0.1');
    this.keep(server);
    server.once('connect', () => {
      this.tunnels++;
      client.write(statusLine(200));
      client.pipe(server);
      server.pipe(client);
    });
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
  }

  private keep(socket: Duplex): void {
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
  }
}

function statusLine(status: number): string {
  return `HTTP/1.1 ${status} Whatever\r\n\r\n`;
}
