import { connect, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { StreamClient, StreamServer, TrunklineError, type TunnelStream } from '../../src/index.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { SeededChecker, seededBytes } from '../support/seeded-bytes.js';
import { SeededRandom } from '../support/seeded-random.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

const KIB = 1024;
const THERE = { seed: 1, bytes: 90 * KIB };
const BACK = { seed: 2, bytes: 130 * KIB };

type Direction = 'toRelay' | 'toPeer';
interface Cut {
  direction: Direction;
  afterBytes: number;
  how: 'reset' | 'end';
}

/** Passes exactly so many bytes of one direction, and then the connection is gone. */
class CuttingProxy {
  readonly passed: Record<Direction, number> = { toRelay: 0, toPeer: 0 };
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly url: string,
    private readonly cut: Cut | undefined,
  ) {}

  static async start(relayUrl: string, cut?: Cut): Promise<CuttingProxy> {
    const { hostname, port, pathname } = new URL(relayUrl);
    const server = createServer((peer) => {
      const relay = connect(Number(port), hostname);
      proxy.join(peer, relay, 'toRelay');
      proxy.join(relay, peer, 'toPeer');
    });
    const proxy = new CuttingProxy(server, `ws://127.0.0.1:${await listenOnFreePort(server)}${pathname}`, cut);
    return proxy;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(from: Socket, to: Socket, direction: Direction): void {
    this.sockets.add(from);
    from.on('data', (bytes) => {
      const left = this.cut?.direction === direction ? this.cut.afterBytes - this.passed[direction] : bytes.length;
      this.passed[direction] += Math.min(left, bytes.length);
      if (left >= bytes.length) to.write(bytes);
      else to.write(bytes.subarray(0, left), () => this.end());
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
  }

  private end(): void {
    for (const socket of this.sockets) {
      if (this.cut?.how === 'reset') socket.resetAndDestroy();
      else socket.end();
    }
  }
}

/** One end of the exchange, as its application sees it. */
class End {
  readonly checker: SeededChecker;
  hasEnded = false;
  hasFinished = false;
  error: unknown;
  /** What the other end had received when this one was told "delivered". */
  farBytesAtFinish = 0;

  constructor(
    readonly stream: TunnelStream,
    private readonly incoming: { seed: number; bytes: number },
    outgoing: { seed: number; bytes: number },
    far: () => End | undefined,
  ) {
    this.checker = new SeededChecker(incoming.seed);
    stream.on('data', (bytes: Buffer) => this.checker.check(bytes));
    stream.on('end', () => {
      this.hasEnded = true;
    });
    stream.on('finish', () => {
      this.hasFinished = true;
      this.farBytesAtFinish = far()?.checker.bytes ?? 0;
    });
    stream.on('error', (error) => {
      this.error = error;
    });
    for (let at = 0; at < outgoing.bytes; at += 10_000) {
      stream.write(seededBytes(outgoing.seed, at, Math.min(10_000, outgoing.bytes - at)));
    }
    stream.end();
  }

  check(outgoingBytes: number): void {
    if (this.hasEnded) expect(this.checker.bytes).toBe(this.incoming.bytes);
    if (this.hasFinished) expect(this.farBytesAtFinish).toBe(outgoingBytes);
    if (this.error === undefined) expect([this.hasEnded, this.hasFinished]).toEqual([true, true]);
    else expect(this.error).toBeInstanceOf(TrunklineError);
  }
}

const CODES = new Set(['CONNECTION_LOST', 'LISTENER_GONE', 'NO_LISTENER', 'CANCELED']);

async function exchange(fixture: RelayFixture, leg: 'client' | 'listener', cut?: Cut) {
  const proxy = await CuttingProxy.start(fixture.url, cut);
  const clientTunnel = fixture.dial({}, leg === 'client' ? proxy.url : fixture.url);
  const listenerTunnel = fixture.dial({}, leg === 'listener' ? proxy.url : fixture.url);
  let server: End | undefined;
  const listener = StreamServer(listenerTunnel, (stream) => {
    server = new End(stream, THERE, BACK, () => client);
  }).listen('NAME');
  listener.on('error', (error) => expect(error.code).toBe('CONNECTION_LOST'));
  await listener.ready.catch(() => {});
  const client = new End(StreamClient(clientTunnel).connect('NAME'), BACK, THERE, () => server);
  await until(
    () => client.stream.destroyed && (server?.stream.destroyed ?? true),
    () => `both ends to be over: client ${client.stream.destroyed}, server ${server?.stream.destroyed}`,
  );
  await listener.close();
  client.check(THERE.bytes);
  server?.check(BACK.bytes);
  const codes = [client.error, server?.error].flatMap((error) => (error ? [(error as TrunklineError).code] : []));
  for (const code of codes) expect(CODES).toContain(code);
  for (const tunnel of [clientTunnel, listenerTunnel]) {
    tunnel.close();
    await tunnel.closed;
  }
  fixture.tunnels.length = 0;
  await proxy.close();
  await until(() => fixture.relay.stats().tunnels.active === 0, 'the relay to be idle');
  return { passed: proxy.passed, codes };
}

describe('a connection cut after any byte', () => {
  const legs = ['client', 'listener'] as const;
  const directions = ['toRelay', 'toPeer'] as const;
  it.each(legs.flatMap((leg) => directions.map((direction) => ({ leg, direction }))))(
    'of the $leg, $direction: no hang, no false end or finish, a typed code, nothing left',
    async ({ leg, direction }) => {
      const fixture = await startRelay();
      const whole = await exchange(fixture, leg);
      expect(whole.codes).toEqual([]);
      const total = whole.passed[direction];
      const random = new SeededRandom(leg.length * 100 + direction.length);
      const places = [
        // The upgrade and the handshake, the pairing, the transfer, the closing.
        ...Array.from({ length: 15 }, () => random.integer(1, 900)),
        ...Array.from({ length: 10 }, () => random.integer(900, total)),
        ...Array.from({ length: 25 }, () => total - random.integer(0, 120)),
      ];
      const seen = new Set<string>();
      for (const afterBytes of places) {
        const how = random.integer(0, 1) === 0 ? 'reset' : 'end';
        const { codes } = await exchange(fixture, leg, { direction, afterBytes, how }).catch((error) => {
          throw new Error(`cut ${how} after ${afterBytes} of ${total} bytes: ${(error as Error).message}`);
        });
        for (const code of codes) seen.add(code);
      }
      expect(seen.size).toBeGreaterThan(0);
    },
    60_000,
  );
});
