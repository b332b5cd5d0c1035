import { connect, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  type ConnectTunnelOptions,
  StreamClient,
  StreamServer,
  TrunklineError,
  type TunnelStream,
} from '../../src/index.js';
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
/** Exchanges at once. */
const LANES = 10;

type Direction = 'toRelay' | 'toPeer';
interface Cut {
  direction: Direction;
  afterBytes: number;
  how: 'reset' | 'end';
}

/** Passes exactly so many bytes of one direction, and then the connection is gone; further ones pass. */
class CuttingProxy {
  readonly passed: Record<Direction, number> = { toRelay: 0, toPeer: 0 };
  private readonly sockets = new Set<Socket>();
  private cut: Cut | undefined;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(relayUrl: string): Promise<CuttingProxy> {
    const { hostname, port, pathname } = new URL(relayUrl);
    const server = createServer((peer) => {
      const relay = connect(Number(port), hostname);
      proxy.join(peer, relay, 'toRelay');
      proxy.join(relay, peer, 'toPeer');
    });
    const proxy = new CuttingProxy(server, `ws://127.0.0.1:${await listenOnFreePort(server)}${pathname}`);
    return proxy;
  }

  /** Counts from now on. */
  begin(cut: Cut | undefined): void {
    for (const direction of ['toRelay', 'toPeer'] as const) this.passed[direction] = 0;
    this.cut = cut;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(from: Socket, to: Socket, direction: Direction): void {
    this.sockets.add(from);
    from.on('data', (bytes) => {
      const { cut } = this;
      const left = cut?.direction === direction ? cut.afterBytes - this.passed[direction] : bytes.length;
      this.passed[direction] += Math.min(left, bytes.length);
      if (cut === undefined || left >= bytes.length) return to.write(bytes);
      this.cut = undefined;
      from.removeAllListeners('data').resume();
      to.write(bytes.subarray(0, left), () => this.end(cut));
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
  }

  private end({ how }: Cut): void {
    for (const socket of [...this.sockets]) {
      if (how === 'reset') socket.resetAndDestroy();
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

interface Exchange {
  leg: 'client' | 'listener';
  options: ConnectTunnelOptions;
}

async function exchange(fixture: RelayFixture, { leg, options }: Exchange, cut?: Cut) {
  const proxy = await CuttingProxy.start(fixture.url);
  const mayEnd = options.resumeWindowMs === 0;
  if (mayEnd) proxy.begin(cut);
  const clientTunnel = fixture.dial(options, leg === 'client' ? proxy.url : fixture.url);
  const listenerTunnel = fixture.dial(options, leg === 'listener' ? proxy.url : fixture.url);
  const states: string[] = [];
  for (const tunnel of [clientTunnel, listenerTunnel]) {
    for (const event of ['suspend', 'resume']) tunnel.on(event, () => states.push(event));
    tunnel.on('error', (error) => expect(error.code).toBe('CONNECTION_LOST'));
    if (!mayEnd) await tunnel.opened;
  }
  if (!mayEnd) proxy.begin(cut);
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
  return { passed: proxy.passed, codes, states };
}

/** In the upgrade and the handshake, the pairing, the transfer, the closing. */
function drawCuts(direction: Direction, totalBytes: number, random: SeededRandom): Cut[] {
  const places = [
    ...Array.from({ length: 15 }, () => random.integer(1, 900)),
    ...Array.from({ length: 10 }, () => random.integer(900, totalBytes)),
    ...Array.from({ length: 25 }, () => totalBytes - random.integer(0, 120)),
  ];
  return places.map((afterBytes) => ({ direction, afterBytes, how: random.integer(0, 1) === 0 ? 'reset' : 'end' }));
}

interface Result {
  codes: string[];
  states: string[];
  where: string;
}

/**
 * One exchange after the other, at a relay of their own, until no cut is left. A connection that was cut soon after it
 * was made is not dialed again at once, so most of an exchange is a pause: others go on meanwhile, in other lanes.
 */
async function runLane(attempt: Exchange, cuts: Cut[], totalBytes: number): Promise<Result[]> {
  const fixture = await startRelay();
  const results: Result[] = [];
  for (let cut = cuts.pop(); cut !== undefined; cut = cuts.pop()) {
    const where = `cut ${cut.how} after ${cut.afterBytes} of ${totalBytes} bytes ${cut.direction}`;
    const { codes, states } = await exchange(fixture, attempt, cut).catch((error) => {
      throw new Error(`${where}: ${(error as Error).message}`);
    });
    results.push({ codes, states, where });
  }
  return results;
}

async function exchangeAll({ leg, options, direction }: Exchange & { direction: Direction }): Promise<Result[]> {
  const whole = await exchange(await startRelay(), { leg, options });
  expect(whole.codes).toEqual([]);
  const totalBytes = whole.passed[direction];
  const cuts = drawCuts(direction, totalBytes, new SeededRandom(leg.length * 100 + direction.length));
  const lanes = Array.from({ length: LANES }, () => runLane({ leg, options }, cuts, totalBytes));
  // None is left behind: what it still had to do would be counted as a leak, and hide why another one failed.
  const ends = await Promise.allSettled(lanes);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return ends.flatMap((end) => (end.status === 'fulfilled' ? end.value : []));
}

describe('a connection cut after any byte', () => {
  const legs = ['client', 'listener'] as const;
  const directions = ['toRelay', 'toPeer'] as const;
  const cases = legs.flatMap((leg) => directions.map((direction) => ({ leg, direction })));

  it.each(cases)(
    'of the $leg, $direction, not to come back: no hang, no false end or finish, a typed code, nothing left',
    async ({ leg, direction }) => {
      const results = await exchangeAll({ leg, direction, options: { resumeWindowMs: 0 } });
      expect(results.flatMap(({ codes }) => codes).length).toBeGreaterThan(0);
      expect(results.flatMap(({ states }) => states)).toEqual([]);
    },
    60_000,
  );

  it.each(cases)(
    'of the $leg, $direction, once the tunnel was open: every byte arrives, and both ends finish',
    async ({ leg, direction }) => {
      const results = await exchangeAll({ leg, direction, options: {} });
      expect(results.filter(({ codes }) => codes.length > 0)).toEqual([]);
      expect(results.filter(({ states }) => states.includes('resume')).length).toBeGreaterThan(25);
    },
    60_000,
  );
});
