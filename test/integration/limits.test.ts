import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { createRelay } from '../../relay/index.js';
import { StreamClient, StreamServer, type TrunklineError, type TunnelStream } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, open, RawPeer, Type } from '../support/raw-peer.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, writeSeeded } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

async function errorOf(stream: TunnelStream): Promise<TrunklineError> {
  const [error] = (await once(stream, 'error')) as [TrunklineError];
  return error;
}

async function finish(...streams: TunnelStream[]): Promise<void> {
  for (const stream of streams) stream.end();
  await Promise.all(streams.map((stream) => finished(stream.resume())));
}

const never = (): Promise<boolean> => new Promise(() => {});

describe('limits of the relay', () => {
  it('streams on a client: the next one is LIMIT_STREAMS, and fits once another is over', async () => {
    const fixture = await startRelay({ limits: { maxStreams: 3 } });
    await fixture.listen('NAME', (stream) => stream.pipe(stream));
    const tunnel = fixture.dial();
    await tunnel.opened;
    const client = StreamClient(tunnel);
    const streams = [client.connect('NAME'), client.connect('NAME')];
    // The listener's own stream for the name is its third.
    await Promise.all(streams.map((stream) => stream.opened));
    const third = client.connect('NAME');
    const error = await errorOf(third);
    expect(error).toMatchObject({ code: 'LIMIT_STREAMS', retryable: true });
    await finish(streams.pop()!);
    // The listener's end of it counts until both have had their last word.
    await until(() => fixture.relay.stats().splices.active === 1, 'the other end to be over as well');
    const again = client.connect('NAME');
    await again.opened;
    await finish(again, ...streams);
  });

  it('streams on one tunnel: a fourth fails here, without asking the relay', async () => {
    const fixture = await startRelay({ limits: { maxStreams: 3 } });
    const tunnel = fixture.dial();
    await tunnel.opened;
    const client = StreamClient(tunnel);
    const streams = Array.from({ length: 4 }, () => client.connect('NOBODY', { waitMs: 60_000 }));
    expect(await errorOf(streams[3]!)).toMatchObject({ code: 'LIMIT_STREAMS' });
    expect(fixture.relay.stats().connects.pending).toBeLessThanOrEqual(3);
    for (const stream of streams) stream.on('error', () => {}).destroy();
  });

  it('streams of a peer that does not count: RESET LIMIT_STREAMS', async () => {
    const fixture = await startRelay({ limits: { maxStreams: 2 } });
    const raw = await RawPeer.ready(fixture.url);
    for (const [index, id] of [1, 3, 5].entries()) raw.send(open(id, { kind: 'listen', name: `N${index}` }));
    const refused = await raw.next(Type.RESET);
    expect(refused.id).toBe(5);
    expect(JSON.parse(refused.payload.toString())).toMatchObject({ code: 'LIMIT_STREAMS' });
    await raw.close();
  });

  it('names on a tunnel: LIMIT_NAMES, the others stay', async () => {
    const fixture = await startRelay({ limits: { maxNames: 2 } });
    const tunnel = fixture.dial();
    const first = await fixture.listen('A', () => {}, {}, tunnel);
    await fixture.listen('B', () => {}, {}, tunnel);
    await expect(StreamServer(tunnel, () => {}).listen('C').ready).rejects.toMatchObject({ code: 'LIMIT_NAMES' });
    expect(fixture.relay.servers()).toEqual(['A', 'B']);
    await first.close();
    await fixture.listen('C', () => {}, {}, tunnel);
  });

  it('pending connects of a client: the SDK queues by itself, and all are served in the end', async () => {
    const fixture = await startRelay({ limits: { maxPendingConnects: 4 } });
    let most = 0;
    await fixture.listen('NAME', (stream) => stream.end('served'), {
      accept: () => {
        most = Math.max(most, fixture.relay.stats().connects.pending);
        return true;
      },
    });
    const tunnel = fixture.dial();
    await tunnel.opened;
    const client = StreamClient(tunnel);
    const answers = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const stream = client.connect('NAME');
        const [answer] = (await once(stream, 'data')) as [Buffer];
        await finish(stream);
        return answer.toString();
      }),
    );
    expect(answers).toEqual(Array(100).fill('served'));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  it('a connect that waits in that queue can be given up, and others move on', async () => {
    const fixture = await startRelay({ limits: { maxPendingConnects: 1 } });
    await fixture.listen('NAME', (stream) => stream.pipe(stream));
    const tunnel = fixture.dial();
    await tunnel.opened;
    const client = StreamClient(tunnel);
    const first = client.connect('NEVER', { waitMs: 60_000 });
    const [second, third] = [client.connect('NAME'), client.connect('NAME')];
    for (const stream of [first, second]) stream.on('error', () => {});
    second.destroy();
    first.destroy();
    await third.opened;
    await finish(third);
  });

  it('pending connects of a peer that does not count: RESET LIMIT_STREAMS', async () => {
    const fixture = await startRelay({ limits: { maxPendingConnects: 2 } });
    await fixture.listen('SLOW', () => {}, { accept: never });
    const raw = await RawPeer.ready(fixture.url);
    for (const id of [1, 3, 5]) raw.send(open(id, { kind: 'connect', name: 'SLOW' }));
    const refused = await raw.next(Type.RESET);
    expect(refused.id).toBe(5);
    expect(JSON.parse(refused.payload.toString())).toMatchObject({ code: 'LIMIT_STREAMS' });
    expect(fixture.relay.stats().connects.pending).toBe(2);
    await raw.close();
  });

  it.each([{ maxPendingPerName: 3 }, { maxPending: 3 }])('%o: LIMIT_STREAMS for the next client', async (limits) => {
    const fixture = await startRelay({ limits });
    const client = StreamClient(fixture.dial());
    const parked = Array.from({ length: 3 }, () => client.connect('LATER', { waitMs: 60_000 }));
    await until(() => fixture.relay.stats().connects.pending === 3, 'three to be parked');
    const error = await errorOf(StreamClient(fixture.dial()).connect('LATER', { waitMs: 60_000 }));
    expect(error).toMatchObject({ code: 'LIMIT_STREAMS' });
    await fixture.listen('LATER', (stream) => stream.pipe(stream));
    await Promise.all(parked.map((stream) => stream.opened));
    await finish(...parked);
  });

  it('meta: the limit of the relay holds at the call once it is known', async () => {
    const fixture = await startRelay({ limits: { maxMetaBytes: 100 } });
    const tunnel = fixture.dial();
    await tunnel.opened;
    const client = StreamClient(tunnel);
    expect(() => client.connect('NAME', { meta: 'x'.repeat(99) })).toThrowError(
      expect.objectContaining({ code: 'LIMIT_BYTES' }),
    );
    await fixture.listen('NAME', (stream) => stream.end());
    const fits = client.connect('NAME', { meta: 'x'.repeat(98) });
    await finish(fits);
  });

  it('a listener out of streams: its client gets LIMIT_STREAMS, not silence', async () => {
    const fixture = await startRelay({ limits: { maxStreams: 2 } });
    const accepted: TunnelStream[] = [];
    await fixture.listen('FULL', (stream) => accepted.push(stream));
    const first = StreamClient(fixture.dial()).connect('FULL');
    await first.opened;
    const error = await errorOf(StreamClient(fixture.dial()).connect('FULL'));
    expect(error).toMatchObject({ code: 'LIMIT_STREAMS' });
    await finish(first, accepted[0]!);
  });
});

describe('options of the relay', () => {
  it('out of range: a RangeError that names them', async () => {
    expect(() => createRelay({ limits: { maxStreams: 0 } })).toThrowError(/limits\.maxStreams/);
    expect(() => createRelay({ limits: { acceptTimeoutMs: -1 } })).toThrowError(/limits\.acceptTimeoutMs/);
    expect(() => createRelay({ limits: { maxFrameBytes: 1.5 } })).toThrowError(/limits\.maxFrameBytes/);
    expect(() => createRelay({ heartbeat: { intervalMs: 0 } })).toThrowError(/heartbeat\.intervalMs/);
    expect(() => createRelay({ handshakeTimeoutMs: Number.NaN })).toThrowError(RangeError);
  });

  it('small frames and messages: everything still passes', async () => {
    const fixture = await startRelay({ limits: { maxFrameBytes: 1024, maxMessageBytes: 20 * 1024, egressBytes: 1 } });
    const { client, server } = await fixture.pair();
    const [there, back] = await Promise.all([
      readSeeded(server, 1),
      readSeeded(client, 2),
      writeSeeded(client, 1, 1_000_000),
      writeSeeded(server, 2, 1_000_000),
    ]);
    expect([there.bytes, back.bytes]).toEqual([1_000_000, 1_000_000]);
  });

  it('no early window: bytes wait for ACCEPT', async () => {
    const fixture = await startRelay({ limits: { earlyWindowBytes: 0 } });
    await fixture.listen('NAME', (stream) => stream.pipe(stream));
    const stream = StreamClient(fixture.dial()).connect('NAME');
    stream.write('hello');
    const [answer] = (await once(stream, 'data')) as [Buffer];
    expect(answer.toString()).toBe('hello');
    await finish(stream);
  });

  it('heartbeat: a peer that answers lives, one that is silent is given up with CONNECTION_LOST', async () => {
    const fixture = await startRelay({ heartbeat: { intervalMs: 50, timeoutMs: 500 } });
    const alive = fixture.dial();
    await alive.opened;
    const silent = await RawPeer.ready(fixture.url);
    expect(await silent.goaway()).toMatchObject({ code: 'CONNECTION_LOST' });
    const polite = await RawPeer.ready(fixture.url);
    for (let count = 0; count < 4; count++) polite.send(frame(0, Type.PONG, (await polite.next(Type.PING)).payload));
    expect(fixture.relay.stats().tunnels.active).toBe(2);
    await polite.close();
  });
});
