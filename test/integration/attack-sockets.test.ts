import { once } from 'node:events';
import { type Socket, connect as tcpConnect } from 'node:net';
import { finished } from 'node:stream/promises';
import { describe, expect, it, vi } from 'vitest';
import { StreamClient, type TunnelStream } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, hello, newUid, offsets, open, RawPeer, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { SeededRandom } from '../support/seeded-random.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

const KIB = 1024;
const MIB = KIB * KIB;

async function connectionsOf({ server }: RelayFixture): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}

function dialTcp(fixture: RelayFixture, allowHalfOpen = false): Socket {
  const { port, hostname } = new URL(fixture.url);
  return tcpConnect({ port: Number(port), host: hostname, allowHalfOpen }).on('error', () => {});
}

/** Bytes of memory outside the heap, after what is garbage is gone. */
function buffersNow(): number {
  (globalThis as unknown as { gc(): void }).gc();
  return process.memoryUsage().arrayBuffers;
}

/** What is not held is let go of, though not at once: V8 sweeps buffers beside the program. */
async function expectHeldBelow(mebibytes: number, before: number): Promise<void> {
  const held = () => (buffersNow() - before) / MIB;
  await until(
    () => held() < mebibytes,
    () => `less than ${mebibytes} MiB to be held; there are ${held().toFixed(1)}`,
  );
}

/** Everything that was sent before has been dealt with at the relay. */
async function roundTrip(raw: RawPeer): Promise<void> {
  raw.send(frame(0, Type.PING, Buffer.alloc(8)));
  await raw.next(Type.PONG);
}

describe('a TCP client that is no friend', () => {
  it.each(['/trunkline', '/elsewhere'])('is refused on %s, never closes its side, and holds nothing', async (path) => {
    const fixture = await startRelay();
    const socket = dialTcp(fixture, true);
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 4\d\d /);
    let count = 1;
    await until(
      () => {
        void connectionsOf(fixture).then((now) => {
          count = now;
        });
        return count === 0;
      },
      () => `the server to let go of the socket; it has ${count}`,
    );
    socket.destroy();
  });

  it('sends noise: as HTTP, as WebSocket frames, and mutated conversations; an honest stream notices nothing', async () => {
    const fixture = await startRelay();
    await fixture.listen('ECHO', (stream) => stream.pipe(stream));
    const random = new SeededRandom(42);
    const honest = StreamClient(fixture.dial()).connect('ECHO');
    await honest.opened;

    for (let round = 0; round < 20; round++) {
      const socket = dialTcp(fixture);
      socket.write(Buffer.from(Array.from({ length: 300 }, () => random.integer(0, 255))));
      socket.resume();
      await once(socket, 'close');
    }
    for (let round = 0; round < 150; round++) {
      const raw = await RawPeer.dial(fixture.url);
      const conversation = Buffer.concat([
        hello(),
        open(1, { kind: 'connect', name: 'ECHO' }),
        frame(1, Type.DATA, Buffer.alloc(50)),
        open(3, { kind: 'listen', name: `N${round}` }),
        frame(1, Type.END, offsets(50)),
        frame(3, Type.END, offsets(0)),
      ]);
      for (let flips = random.integer(1, 4); flips > 0; flips--) {
        const at = random.integer(hello().length, conversation.length - 1);
        conversation[at] = random.integer(0, 255);
      }
      raw.send(conversation);
      if (random.integer(0, 1) === 0) raw.socket.terminate();
      else raw.socket.close();
      await raw.closed;
    }
    honest.write('still here');
    const [echoed] = (await once(honest, 'data')) as [Buffer];
    expect(String(echoed)).toBe('still here');
    honest.end();
    await finished(honest);
  });
});

describe('memory that a few bytes could hold', () => {
  it('at the relay: one byte of each message queues, the rest of the messages is let go', async () => {
    const fixture = await startRelay();
    await fixture.listen('PATIENT', () => {}, { accept: () => new Promise(() => {}) });
    const raw = await RawPeer.ready(fixture.url);
    raw.send(open(1, { kind: 'connect', name: 'PATIENT' }));
    const before = buffersNow();
    const padding = frame(0, 0x6f, Buffer.alloc(60_000));
    for (let count = 0; count < 1500; count++) {
      raw.send(frame(1, Type.DATA, Buffer.from('x')), padding, padding);
      if (count % 50 === 0) await roundTrip(raw);
    }
    await roundTrip(raw);
    // 1,500 messages of 117 KiB are 171 MiB; some that were just sent are still on their way.
    await expectHeldBelow(50, before);
    await raw.terminate();
  });

  it('at an endpoint: small chunks that nobody reads, beside the bulk of another stream', async () => {
    const fixture = await startRelay();
    const accepted: TunnelStream[] = [];
    await fixture.listen('NAME', (stream) => accepted.push(stream.on('error', () => {})));
    const client = StreamClient(fixture.dial());
    const [slow, bulk] = [client.connect('NAME'), client.connect('NAME')];
    await Promise.all([slow.opened, bulk.opened]);
    await until(() => accepted.length === 2, 'both streams');
    let taken = 0;
    accepted
      .find(({ uid }) => uid === bulk.uid)!
      .on('data', (bytes: Buffer) => {
        taken += bytes.length;
      });
    const before = buffersNow();
    for (let count = 1; count <= 1000; count++) {
      slow.write(Buffer.alloc(50));
      bulk.write(Buffer.alloc(60_000));
      await until(() => taken === count * 60_000, 'the bulk to arrive');
    }
    await expectHeldBelow(12, before);
    for (const stream of [slow, bulk]) stream.destroy();
  });

  it('at the relay: offers of connects that were given up, to a listener that reads nothing', async () => {
    // What bounds them is to be seen, and not who is cut before.
    const unbounded = { perSecond: 1_000_000, burst: 1_000_000 };
    const fixture = await startRelay({ rates: { opens: unbounded, resets: unbounded, refusals: unbounded } });
    const holder = await RawPeer.ready(fixture.url);
    holder.send(open(1, { kind: 'listen', name: 'DEAF' }));
    await holder.next(Type.ACCEPT);
    holder.socket.pause();
    const raw = await RawPeer.ready(fixture.url);
    const meta = 'x'.repeat(8000);
    const before = buffersNow();
    for (let count = 0; count < 12_000; count++) {
      const id = 2 * count + 1;
      raw.send(
        open(id, { kind: 'connect', name: 'DEAF' }, { meta, uid: newUid() }),
        frame(id, Type.RESET, { code: 'CANCELED' }),
      );
      if (count % 200 === 0) await roundTrip(raw);
    }
    await roundTrip(raw);
    // 4 MiB of offers, and what is on its way; all 12,000 would be 94 MiB.
    await expectHeldBelow(16, before);
    expect(await answerToAnother(raw)).toMatchObject({ code: 'LIMIT_RATE' });
    await Promise.all([raw.terminate(), holder.terminate()]);
  }, 60_000);

  /** What a further connect is answered. */
  async function answerToAnother(raw: RawPeer): Promise<Record<string, unknown>> {
    raw.send(open(100_001, { kind: 'connect', name: 'DEAF' }));
    for (;;) {
      const { id, payload } = await raw.next(Type.RESET);
      if (id === 100_001) return JSON.parse(payload.toString()) as Record<string, unknown>;
    }
  }
});

describe('the Duplex', () => {
  it('that is destroyed with bytes still corked does not end as if it had said everything', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair();
    server.end();
    client.resume();
    await once(client, 'end');
    const failure = once(server.resume(), 'error');
    client.cork();
    client.write('never sent');
    client.destroy();
    expect((await failure)[0]).toMatchObject({ code: 'CANCELED' });
    expect(server.readableEnded).toBe(false);
  });

  it('that is destroyed takes no timer any more', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair();
    server.on('error', () => {});
    client.destroy();
    const timers = vi.spyOn(globalThis, 'setTimeout');
    client.setTimeout(60_000, () => expect.unreachable());
    expect(timers).not.toHaveBeenCalled();
    timers.mockRestore();
    await until(() => server.destroyed, 'the other end to learn');
  });

  it.each<[string, unknown]>([
    ['a string', 'boom'],
    ['an error whose message is a number', Object.assign(new Error(), { message: 42 })],
    ['an error whose message is missing', Object.assign(new Error(), { message: undefined })],
    ['an error whose code is an object', Object.assign(new Error('x'), { code: {} })],
  ])('that is destroyed with %s tells the other side CANCELED', async (_what, error) => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair();
    const failure = once(server, 'error');
    client.on('error', () => {});
    client.destroy(error as Error);
    expect((await failure)[0]).toMatchObject({ code: 'CANCELED' });
  });

  it('with early bytes past the window, refused: REFUSED, and nothing of them is kept', async () => {
    const fixture = await startRelay();
    await fixture.listen('NO', () => expect.unreachable(), { accept: () => ({ code: 'NOPE', text: 'no' }) });
    const client = StreamClient(fixture.dial());
    const codes = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const stream = client.connect('NO');
        stream.end(Buffer.alloc(100 * KIB));
        return finished(stream).then(
          () => 'finished',
          (error: { code: string; appCode: string }) => `${error.code} ${error.appCode}`,
        );
      }),
    );
    expect(new Set(codes)).toEqual(new Set(['REFUSED NOPE']));
  });

  it('with early bytes, offered to a listener that ends: LISTENER_GONE for all, its late yes opens nothing', async () => {
    const fixture = await startRelay();
    const answers: (() => void)[] = [];
    const listener = await fixture.listen('SLOW', () => expect.unreachable(), {
      accept: () => new Promise((resolve) => answers.push(() => resolve(true))),
    });
    const client = StreamClient(fixture.dial());
    const codes = Array.from({ length: 30 }, async () => {
      const stream = client.connect('SLOW');
      stream.end(Buffer.alloc(20 * KIB));
      return finished(stream).catch((error: { code: string }) => error.code);
    });
    await until(() => answers.length === 30, 'all offers');
    listener.end();
    expect(new Set(await Promise.all(codes))).toEqual(new Set(['LISTENER_GONE']));
    for (const answer of answers) answer();
    await listener.close();
  });
});
