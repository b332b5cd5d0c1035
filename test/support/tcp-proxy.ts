import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { listenOnFreePort } from './free-port.js';

export type Direction = 'toPeer' | 'toRelay';
/** Each end of a socket is passed on (or not) for itself. */
const HALF_OPEN = { allowHalfOpen: true };
const DIRECTIONS = ['toPeer', 'toRelay'] as const satisfies Direction[];

/** Counts since the start, of all connections. */
export interface ProxyCounters {
  accepted: number;
  /** Reset as soon as they came, see `refuse`. */
  refused: number;
  /** Passed on. */
  toPeerBytes: number;
  toRelayBytes: number;
  /** Vanished in a black hole. */
  lostBytes: number;
}

/**
 * Sits between peers and their relay and brings about what networks do: hold bytes back, close, reset, swallow
 * everything without a word, refuse, and lead elsewhere. What it does to all it does to the connections of now;
 * `hold`, `blackHole` and `refuse` also to those that come before `release`, `heal` and `admit`.
 */
export class TcpProxy {
  /** Those that are open, on either side; oldest first. */
  readonly connections: ProxiedConnection[] = [];
  readonly counters: ProxyCounters = { accepted: 0, refused: 0, toPeerBytes: 0, toRelayBytes: 0, lostBytes: 0 };
  private readonly held = new Map<Direction, (() => void)[]>();
  private readonly blackHoles = new Set<Direction>();
  private isRefusing = false;
  private target!: { host: string; port: number };
  /** Bytes that are held back now. */
  heldBytes = 0;

  private constructor(
    private readonly server: Server,
    /** What peers dial, as long as the proxy lives; wherever it leads. */
    readonly url: string,
  ) {}

  static async start(relayUrl: string): Promise<TcpProxy> {
    const server = createServer(HALF_OPEN, (peer) => proxy.accept(peer));
    const proxy = new TcpProxy(server, `ws://127.0.0.1:${await listenOnFreePort(server)}${new URL(relayUrl).pathname}`);
    proxy.retarget(relayUrl);
    return proxy;
  }

  /** New connections go to this relay (the path stays the peer's); those of now stay where they are. */
  retarget(relayUrl: string): void {
    const { hostname, port } = new URL(relayUrl);
    this.target = { host: hostname, port: Number(port) };
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

  /** Both sides lose their socket at once, by RST. */
  cut(): void {
    for (const connection of [...this.connections]) connection.reset();
  }

  /** Both sides are told the end (FIN), after what is under way. */
  terminate(): void {
    for (const connection of [...this.connections]) connection.terminate();
  }

  /** See `ProxiedConnection.blackHole`. Connections that come before `heal` vanish as well: they never get an answer. */
  blackHole(direction?: Direction): void {
    for (const one of direction ? [direction] : DIRECTIONS) this.blackHoles.add(one);
    for (const connection of this.connections) connection.blackHole(direction);
  }

  /** New connections pass again. Those with lost bytes are beyond help. */
  heal(): void {
    this.blackHoles.clear();
  }

  /** New connections are reset as soon as they come. The port stays taken: nobody else can get it meanwhile. */
  refuse(): void {
    this.isRefusing = true;
  }

  admit(): void {
    this.isRefusing = false;
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.cut();
    await closed;
  }

  private accept(peer: Socket): void {
    if (this.isRefusing) {
      this.counters.refused++;
      // It may have been reset from the other side before.
      peer.on('error', () => {});
      peer.resetAndDestroy();
      return;
    }
    this.counters.accepted++;
    const connection: ProxiedConnection = new ProxiedConnection(peer, connect({ ...this.target, ...HALF_OPEN }), {
      pass: (direction, bytes, forward) => this.pass(direction, bytes, forward),
      lost: (bytes) => {
        this.counters.lostBytes += bytes;
      },
      closed: () => this.connections.splice(this.connections.indexOf(connection), 1),
    });
    this.connections.push(connection);
    for (const direction of this.blackHoles) connection.blackHole(direction);
  }

  private pass(direction: Direction, bytes: number, forward: () => void): void {
    const waiting = this.held.get(direction);
    if (waiting) {
      waiting.push(() => this.forward(direction, bytes, forward));
      this.heldBytes += bytes;
    } else {
      this.forward(direction, bytes, forward);
    }
  }

  private forward(direction: Direction, bytes: number, forward: () => void): void {
    this.counters[`${direction}Bytes`] += bytes;
    forward();
  }
}

interface ProxiedConnectionHooks {
  pass(direction: Direction, bytes: number, forward: () => void): void;
  lost(bytes: number): void;
  closed(): void;
}

/** One peer's socket and the one to the relay that belongs to it. */
export class ProxiedConnection {
  private readonly blackHoles = new Set<Direction>();
  private openSockets = 2;

  /** @internal */
  constructor(
    private readonly peer: Socket,
    private readonly relay: Socket,
    private readonly hooks: ProxiedConnectionHooks,
  ) {
    this.join(peer, relay, 'toRelay');
    this.join(relay, peer, 'toPeer');
  }

  /** RST to both. */
  reset(): void {
    this.peer.resetAndDestroy();
    this.relay.resetAndDestroy();
  }

  /** FIN to both, after what was passed on; what they still send goes nowhere. */
  terminate(): void {
    this.blackHole();
    for (const socket of [this.peer, this.relay]) socket.end();
  }

  /**
   * From now on what is sent that way (both ways, if none is said) vanishes, the end of a socket included, while the
   * sockets stay open: what a network cable that was pulled looks like. For good, since bytes are missing afterwards.
   */
  blackHole(direction?: Direction): void {
    for (const one of direction ? [direction] : DIRECTIONS) this.blackHoles.add(one);
  }

  private join(from: Socket, to: Socket, direction: Direction): void {
    from.on('data', (bytes) => this.pass(direction, bytes.length, () => to.write(bytes)));
    from.on('end', () => this.pass(direction, 0, () => to.end()));
    from.on('error', () => {});
    from.on('close', (hadError) => {
      if (hadError) this.pass(direction, 0, () => to.resetAndDestroy());
      if (--this.openSockets === 0) this.hooks.closed();
    });
  }

  private pass(direction: Direction, bytes: number, forward: () => void): void {
    if (this.blackHoles.has(direction)) return this.hooks.lost(bytes);
    this.hooks.pass(direction, bytes, forward);
  }
}
