import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { createRelay } from '../../relay/index.js';
import { type ConnectTunnelOptions, connectTunnel, StreamClient, StreamServer } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, seededBytes, writeSeeded } from '../support/seeded-bytes.js';
import { deferred, until } from '../support/until.js';

checkLeaksAfterEach();

const KIB = 1024;

const RELAYS = {
  default: {},
  'smallest frames and messages': { maxFrameBytes: 1024, maxMessageBytes: 20 * KIB },
  'no early window': { earlyWindowBytes: 0 },
  'egress of one byte': { egressBytes: 1 },
  'egress of one byte, no early window': { egressBytes: 1, earlyWindowBytes: 0 },
  'largest of all': { maxFrameBytes: KIB * KIB, maxMessageBytes: 16 * KIB * KIB, earlyWindowBytes: 64 * KIB },
};

const ENDPOINTS: Record<string, ConnectTunnelOptions> = {
  default: {},
  'smallest frames and messages': { limits: { maxFrameBytes: 1024, maxMessageBytes: 20 * KIB } },
  'largest frames and messages': {
    limits: { maxFrameBytes: KIB * KIB, maxMessageBytes: 16 * KIB * KIB, earlyWindowBytes: 64 * KIB },
  },
  'a window of one byte': { limits: { earlyWindowBytes: 0 }, windowBytes: 1, maxWindowBytes: 1 },
  'a window one byte over the early one': { windowBytes: 16 * KIB + 1, maxWindowBytes: 16 * KIB + 1 },
  'a highWaterMark of 0': { highWaterMarkBytes: 0 },
};

const pairs = Object.keys(ENDPOINTS).flatMap((client) => Object.keys(ENDPOINTS).map((server) => ({ client, server })));

describe.each(Object.keys(RELAYS))('a relay with %s', (name) => {
  it.each(pairs)(
    'a client with $client, a listener with $server: every byte, both ways',
    async ({ client, server }) => {
      const fixture = await startRelay({ limits: RELAYS[name as keyof typeof RELAYS] });
      const isTiny = `${name}${client}${server}`.includes('one byte');
      const length = isTiny ? 700 : 150 * KIB;
      const replied = deferred();
      await fixture.listen(
        'NAME',
        (stream) => {
          Promise.all([readSeeded(stream, 1), writeSeeded(stream, 2, length)]).then(
            () => replied.resolve(),
            replied.reject,
          );
        },
        {},
        fixture.dial(ENDPOINTS[server]),
      );
      const stream = StreamClient(fixture.dial(ENDPOINTS[client])).connect('NAME');
      const [reply] = await Promise.all([readSeeded(stream, 2), writeSeeded(stream, 1, length), replied.promise]);
      expect(reply.bytes).toBe(length);
      await finished(stream);
    },
  );
});

describe('the smallest counts', () => {
  it.each([{ maxStreams: 1 }, { maxNames: 0 }, { maxPendingConnects: 1 }, { maxPendingPerName: 1 }, { maxPending: 1 }])(
    '%o: a typed code or service, never silence',
    async (limits) => {
      const fixture = await startRelay({ limits });
      const outcomes: string[] = [];
      const listener = StreamServer(fixture.dial(), (stream) => stream.resume().end()).listen('NAME');
      listener.on('error', (error) => outcomes.push(error.code));
      await listener.ready.catch(() => {});
      const client = StreamClient(fixture.dial());
      await Promise.all(
        [0, 1, 2].map(async () => {
          const stream = client.connect('NAME');
          stream.resume().end('x');
          outcomes.push(
            await finished(stream).then(
              () => 'served',
              (error: { code: string }) => error.code,
            ),
          );
        }),
      );
      expect(outcomes.length).toBeGreaterThanOrEqual(3);
      expect(new Set([...outcomes, 'served', 'LIMIT_STREAMS', 'LIMIT_NAMES', 'NO_LISTENER']).size).toBe(4);
      await listener.close();
    },
  );
});

describe('meta', () => {
  it('of exactly the limit, in characters of every width, arrives; one byte more is LIMIT_BYTES', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair('NAME', { meta: metaOf(8 * KIB), listenerMeta: metaOf(8 * KIB) });
    expect(server.meta).toBe(metaOf(8 * KIB));
    expect(client.meta).toBe(metaOf(8 * KIB));
    expect(() => StreamClient(fixture.tunnels[0]!).connect('NAME', { meta: metaOf(8 * KIB + 1) })).toThrowError(
      expect.objectContaining({ code: 'LIMIT_BYTES' }),
    );
    for (const stream of [client, server]) stream.resume().end();
    await Promise.all([finished(client), finished(server)]);
  });

  it('of the largest limit there is passes as OPEN, OFFER and ACCEPT', async () => {
    const fixture = await startRelay({ limits: { maxMetaBytes: 12 * KIB } });
    const client = fixture.dial();
    await client.opened;
    const { client: stream, server } = await fixture.pair('x'.repeat(128), { client, meta: metaOf(12 * KIB) });
    expect(server.meta).toBe(metaOf(12 * KIB));
    for (const each of [stream, server]) each.resume().end();
    await Promise.all([finished(stream), finished(server)]);
  });

  it('of none: a relay that allows no meta serves streams without one, and refuses those with', async () => {
    const fixture = await startRelay({ limits: { maxMetaBytes: 0 } });
    const { client, server } = await fixture.pair();
    expect([client.meta, server.meta]).toEqual([null, null]);
    expect(() => StreamClient(fixture.tunnels[0]!).connect('NAME', { meta: 0 })).toThrowError(
      expect.objectContaining({ code: 'LIMIT_BYTES' }),
    );
    for (const stream of [client, server]) stream.resume().end();
    await Promise.all([finished(client), finished(server)]);
  });

  it('with keys that objects inherit travels as it is', async () => {
    const meta = JSON.parse('{"__proto__":{"x":1},"constructor":"y","toString":null,"":[[],{}]}');
    const fixture = await startRelay();
    const { client, server } = await fixture.pair('constructor', { meta });
    expect(JSON.stringify(server.meta)).toBe(JSON.stringify(meta));
    expect(({} as { x?: number }).x).toBeUndefined();
    for (const stream of [client, server]) stream.resume().end();
    await Promise.all([finished(client), finished(server)]);
  });

  /** A string whose JSON has exactly so many bytes: ASCII, two, three and four bytes a character, and escapes. */
  function metaOf(bytes: number): string {
    const unit = 'aé€😀"\n';
    const unitBytes = Buffer.byteLength(JSON.stringify(unit)) - 2;
    const text = unit.repeat(Math.floor((bytes - 2) / unitBytes));
    return text + 'a'.repeat(bytes - Buffer.byteLength(JSON.stringify(text)));
  }
});

describe("names at the grammar's borders", () => {
  it.each(['constructor', 'toString', 'hasOwnProperty', '0', 'a'.repeat(128), 'a:@~-._'])('%s is one', async (name) => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair(name);
    for (const stream of [client, server]) stream.resume().end();
    await Promise.all([finished(client), finished(server)]);
  });

  it.each(['__proto__', 'a\n', 'a\0', '.a', 'ａ', 'a/b', Object('a'), ['a']])('%j is none', async (name) => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    const bad = expect.objectContaining({ code: 'BAD_NAME' });
    expect(() => StreamClient(tunnel).connect(name as string)).toThrowError(bad);
    expect(() => StreamServer(tunnel, () => {}).listen(name as string)).toThrowError(bad);
    expect(() => fixture.relay.connect(name as string)).toThrowError(bad);
  });
});

describe('options that make no sense', () => {
  it.each<ConnectTunnelOptions>([
    { limits: { maxFrameBytes: 1 } },
    { limits: { maxFrameBytes: 1024 * 1024 } },
    { windowBytes: 0 },
    { windowBytes: Number.NaN },
    { highWaterMarkBytes: -1 },
    { highWaterMarkBytes: Number.NaN },
    { handshakeTimeoutMs: Number.NaN },
    { handshakeTimeoutMs: -1 },
    { resumeWindowMs: Number.NaN },
    { resumeWindowMs: -1 },
    { resumeWindowMs: Number.POSITIVE_INFINITY },
    { token: 'x'.repeat(20_000) },
  ])('connectTunnel throws at the call and leaves no socket: %j', async (options) => {
    const fixture = await startRelay();
    let thrown: unknown;
    try {
      fixture.dial(options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toSatisfy(
      (error: unknown) =>
        error instanceof RangeError || (error as { code?: string } | undefined)?.code === 'LIMIT_BYTES',
    );
    await fixture.dial().opened;
    expect(fixture.relay.stats().tunnels.opened).toBe(1);
  });

  it('connectTunnel throws at the call where nobody answers either, and nothing is uncaught later', async () => {
    expect(() => connectTunnel('ws://127.0.0.1:1/', { windowBytes: 0 })).toThrowError(RangeError);
    // A refused connection would have been told by now.
    const fixture = await startRelay();
    await fixture.dial().opened;
  });

  it.each([{ intervalMs: 86_400_001 }, { timeoutMs: 86_400_001 }, { intervalMs: 0.5 }, { timeoutMs: Number.NaN }])(
    'a heartbeat that no peer would take is a RangeError: %o',
    (heartbeat) => {
      expect(() => createRelay({ heartbeat })).toThrowError(RangeError);
    },
  );
});

describe('sizes of writes', () => {
  it('fifty thousand writes of one byte in one turn, and of none between them', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair();
    const received = readSeeded(server, 5);
    const bytes = seededBytes(5, 0, 50_000);
    for (let at = 0; at < bytes.length; at++) {
      client.write(bytes.subarray(at, at + 1));
      if (at % 100 === 0) client.write(Buffer.alloc(0));
    }
    client.end();
    expect((await received).bytes).toBe(50_000);
    client.resume();
    server.end();
    await Promise.all([finished(client), finished(server)]);
  });

  it('streams that end at once, both ways, five hundred of them', async () => {
    const fixture = await startRelay();
    const ends: Promise<void>[] = [];
    await fixture.listen('NAME', (stream) => {
      ends.push(finished(stream.resume().end()));
    });
    const client = StreamClient(fixture.dial());
    await Promise.all(Array.from({ length: 500 }, () => finished(client.connect('NAME').resume().end())));
    await Promise.all(ends);
    expect(ends).toHaveLength(500);
  });

  it('slow readers at both ends, a byte budget each turn', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair();
    const results = Promise.all([trickle(client, 2), trickle(server, 1)]);
    await Promise.all([writeSeeded(client, 1, 700 * KIB), writeSeeded(server, 2, 700 * KIB)]);
    expect(await results).toEqual([700 * KIB, 700 * KIB]);
    await until(() => client.destroyed && server.destroyed, 'both to close');

    async function trickle(stream: typeof client, seed: number): Promise<number> {
      let received = 0;
      for (;;) {
        const chunk = stream.read(Math.min(stream.readableLength, 3000)) as Buffer | null;
        if (chunk !== null) {
          expect(chunk.equals(seededBytes(seed, received, chunk.length))).toBe(true);
          received += chunk.length;
          await new Promise((resolve) => setImmediate(resolve));
        } else if (stream.readableEnded) return received;
        else await Promise.race([once(stream, 'readable'), once(stream, 'end')]);
      }
    }
  });
});
