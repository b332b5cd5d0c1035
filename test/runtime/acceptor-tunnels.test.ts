import { expect, test, vi } from 'vitest';
import { encodeGoaway, encodeWelcome } from '../../src/protocol/encode.js';
import type { TrunklineError } from '../../src/protocol/errors.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { DialedTunnel } from '../../src/runtime/dialed-tunnel.js';
import type { Tunnel } from '../../src/runtime/tunnel.js';
import type { TunnelStream } from '../../src/runtime/tunnel-stream.js';
import { AcceptorBench, NOTHING } from './acceptor-bench.js';
import { SteppedClock } from './stepped-clock.js';
import { WiredConnection } from './wired-connection.js';

const HEARTBEAT = { intervalMs: 1000, timeoutMs: 1000 };
const codeOf = ({ code }: TrunklineError): string => code;

/** What arrives on the other side of each of its streams, as text. */
function collect(tunnel: Tunnel): { texts: string[] } {
  const all = { texts: [] as string[] };
  tunnel.on('stream', (stream: TunnelStream) => {
    stream.on('data', (bytes: Uint8Array) => all.texts.push(Buffer.from(bytes).toString()));
    stream.on('error', () => {});
  });
  return all;
}

/** One that ends with its tunnel, whatever it has said by then. */
function open(tunnel: Tunnel): TunnelStream {
  return tunnel.createStream().on('error', () => {});
}

/** Node's streams hand on in turns of their own. */
async function settle(bench: AcceptorBench): Promise<void> {
  for (let turn = 0; turn < 10; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    bench.clock.run();
  }
}

test('both ends know the tunnel by one id, open streams, and count the same bytes', async () => {
  const bench = new AcceptorBench();
  expect([bench.dialer.state, bench.accepted.state, bench.dialer.id]).toEqual(['open', 'open', bench.accepted.id]);
  expect([...bench.acceptor.tunnels]).toEqual([[bench.accepted.id, bench.accepted]]);
  const [atAcceptor, atDialer] = [collect(bench.accepted), collect(bench.dialer)];
  open(bench.dialer).write('up');
  open(bench.accepted).write('down');
  await settle(bench);
  expect([atAcceptor.texts, atDialer.texts]).toEqual([['up'], ['down']]);
  expect([bench.dialer.bytesSent, bench.dialer.bytesReceived]).toEqual([
    bench.accepted.bytesReceived,
    bench.accepted.bytesSent,
  ]);
  expect(await bench.close()).toEqual(NOTHING);
});

test('terminated at either end, it is carried on by the same tunnel, and its counters go on', async () => {
  const bench = new AcceptorBench();
  const { texts } = collect(bench.accepted);
  const stream = open(bench.dialer);
  stream.write('one');
  await settle(bench);
  for (const end of [bench.accepted, bench.dialer]) {
    const { bytesSent } = end;
    end.terminate();
    bench.clock.elapse(5000);
    expect([end.state, end.bytesSent > bytesSent, bench.acceptedTunnels.length]).toEqual(['open', true, 1]);
    stream.write('more');
    await settle(bench);
  }
  expect(texts).toEqual(['one', 'more', 'more']);
  expect([bench.wires.length, bench.openWires]).toEqual([3, 1]);
  expect(await bench.close()).toEqual(NOTHING);
});

test('ping: the time it took, at both ends; the last one is kept', async () => {
  const bench = new AcceptorBench();
  const quick = bench.dialer.ping();
  bench.clock.run();
  await expect(quick).resolves.toBe(0);
  const slow = bench.accepted.ping();
  bench.wire.pause();
  bench.clock.elapse(120);
  bench.wire.resume();
  bench.clock.run();
  await expect(slow).resolves.toBe(120);
  expect([bench.accepted.rttMs, bench.dialer.rttMs]).toEqual([120, 0]);
  expect(await bench.close()).toEqual(NOTHING);
});

test('pings that are never answered: past 32 LIMIT_RATE, and the end of the connection for all others', async () => {
  const bench = new AcceptorBench();
  bench.wire.pause();
  const pings = Array.from({ length: 33 }, () => bench.accepted.ping().then(String, codeOf));
  bench.clock.run();
  bench.wire.cut();
  bench.clock.run();
  expect(await Promise.all(pings)).toEqual([...Array<string>(32).fill('CONNECTION_LOST'), 'LIMIT_RATE']);
  await expect(bench.accepted.ping().then(String, codeOf)).resolves.toBe('CONNECTION_LOST');
  bench.clock.elapse(5000);
  const again = bench.accepted.ping();
  bench.clock.run();
  await expect(again).resolves.toBe(0);
  expect(await bench.close()).toEqual(NOTHING);
});

test('who has paused does not take the other for dead, and reads on afterwards', async () => {
  const bench = new AcceptorBench({}, { heartbeat: HEARTBEAT });
  const { texts } = collect(bench.accepted);
  const stream = open(bench.dialer);
  stream.write('before');
  await settle(bench);
  bench.accepted.pause();
  stream.write('meanwhile');
  await settle(bench);
  bench.clock.elapse(600_000);
  expect([bench.accepted.state, bench.dialer.state, bench.wires.length, bench.accepted.isPaused]).toEqual([
    'open',
    'open',
    1,
    true,
  ]);
  expect(texts).toEqual(['before']);
  bench.accepted.resume();
  await settle(bench);
  expect([texts, bench.accepted.isPaused]).toEqual([['before', 'meanwhile'], false]);
  // And from then on silence is death again.
  bench.wire.handlers.received = () => {};
  bench.wire.send = () => {};
  bench.clock.elapse(2000);
  expect(bench.wires.length).toBeGreaterThan(1);
  expect(await bench.close()).toEqual(NOTHING);
});

test('a dialer that has paused answers no ping: its acceptor takes the connection for lost, and the next one is paused too', async () => {
  const bench = new AcceptorBench({}, { heartbeat: HEARTBEAT });
  const { texts } = collect(bench.dialer);
  const stream = open(bench.accepted);
  bench.dialer.pause();
  stream.write('late');
  bench.clock.elapse(10_000);
  await settle(bench);
  expect([bench.wires.length > 1, bench.dialer.isPaused, texts]).toEqual([true, true, []]);
  bench.dialer.resume();
  bench.clock.elapse(5000);
  await settle(bench);
  expect([bench.dialer.state, texts]).toEqual(['open', ['late']]);
  expect(await bench.close()).toEqual(NOTHING);
});

test('paused, and the connection that carries on is lost as soon as it is there: nothing is thrown', async () => {
  const clock = new SteppedClock();
  const wires: WiredConnection[] = [];
  const tunnel = new DialedTunnel(
    [
      () => {
        wires.push(new WiredConnection());
        return wires.at(-1) as WiredConnection;
      },
    ],
    {},
    clock,
  );
  const welcome = encodeWelcome({
    version: 1,
    limits: DEFAULT_LIMITS,
    heartbeat: HEARTBEAT,
    relayId: 'acceptor',
    resumeWindowMs: 60_000,
  });
  wires[0]!.receive(welcome);
  clock.run();
  tunnel.pause();
  wires[0]!.cut();
  clock.elapse(5000);
  expect([tunnel.state, wires.length]).toEqual(['suspended', 2]);
  const told: string[] = [];
  for (const name of ['suspend', 'resume']) tunnel.on(name, () => told.push(name));
  const uncaught = vi.fn();
  process.prependOnceListener('uncaughtException', uncaught);
  wires[1]!.receive(Buffer.concat([welcome, encodeGoaway({ code: 'CONNECTION_LOST', reason: 'not now' })]));
  clock.run();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('uncaughtException', uncaught);
  expect([told, uncaught.mock.calls]).toEqual([['resume', 'suspend'], []]);
  clock.elapse(5000);
  wires.at(-1)!.receive(welcome);
  clock.run();
  expect([tunnel.state, tunnel.isPaused, wires.at(-1)!.isReading]).toEqual(['open', true, false]);
  tunnel.close();
  clock.elapse(5000);
  expect(clock.timerCount).toBe(0);
});

test('once it is back, a dialer does not dial again for what was lost before', async () => {
  const bench = new AcceptorBench();
  const redial = (bench.dialer as unknown as { redial: { now(): void } }).redial;
  // It dials while it has a connection; the acceptor ends that one first, and says WELCOME on the other then.
  redial.now();
  bench.clock.run();
  expect([bench.dialer.state, bench.wires.length]).toEqual(['open', 2]);
  bench.clock.elapse(60_000);
  expect([bench.dialer.state, bench.wires.length, bench.openWires]).toEqual(['open', 2, 1]);
  expect(await bench.close()).toEqual(NOTHING);
});
