import { connect, createServer, type Server, type Socket } from 'node:net';
import { listenOnFreePort } from './free-port.js';

type Direction = 'toPeer' | 'toRelay';

/** Sits between a peer and its relay, and can hold back what passes in either direction. */
export class TcpProxy {
  private readonly held = new Map<Direction, (() => void)[]>();
  private readonly sockets = new Set<Socket>();
  /** Bytes that are held back now. */
  heldBytes = 0;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(relayUrl: string): Promise<TcpProxy> {
    const { hostname, port, pathname } = new URL(relayUrl);
    const server = createServer((peer) => {
      const relay = connect(Number(port), hostname);
      proxy.join(peer, relay, 'toRelay');
      proxy.join(relay, peer, 'toPeer');
    });
    const proxy = new TcpProxy(server, `ws://127.0.0.1:${await listenOnFreePort(server)}${pathname}`);
    return proxy;
  }

  hold(direction: Direction): void {
    this.held.set(direction, []);
  }

  release(direction: Direction): void {
    const waiting = this.held.get(direction) ?? [];
    this.held.delete(direction);
    this.heldBytes = 0;
    for (const pass of waiting) pass();
  }

  /** Both sides lose their socket at once. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(from: Socket, to: Socket, direction: Direction): void {
    this.sockets.add(from);
    from.on('data', (bytes) => this.pass(direction, bytes.length, () => to.write(bytes)));
    from.on('end', () => this.pass(direction, 0, () => to.end()));
    from.on('error', () => {});
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
  }

  private pass(direction: Direction, bytes: number, forward: () => void): void {
    const waiting = this.held.get(direction);
    if (!waiting) return forward();
    waiting.push(forward);
    this.heldBytes += bytes;
  }
}
