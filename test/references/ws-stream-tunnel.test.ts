// ws-stream-tunnel: streams over tunnels over WebSockets, without a relay. Its document, ported and run for real.
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { connectTunnel, type Tunnel, type TunnelStream } from '../../src/index.js';
import { TunnelServer } from '../../src/sdk-node/index.js';
import {
  dial,
  echoOf,
  echoStreams,
  endTunnelsAfterEach,
  leftOf,
  networkTo,
  portOf,
  serve,
  track,
  tunnelPair,
} from '../sdk-node/tunnel-fixture.js';
import { tunnelInternals } from '../support/internals.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { hello, RawPeer, Type } from '../support/raw-peer.js';
import { Saboteur } from '../support/saboteur.js';
import { readSeeded, seededRandom, seededSha256, writeSeeded } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();
endTunnelsAfterEach();

const MB = 1_000_000;
/** Long enough for a cut to be mended, and never waited for. */
const KEEP = { keepBrokenTunnelMs: 60_000 };

it('the example of its README: a server, a client, a sub stream', async () => {
  const log: string[] = [];

  // server
  const { server: tServer } = track(new TunnelServer({ port: 0, perMessageDeflate: false }));
  tServer.on('tunnel.open', (t: Tunnel) => {
    log.push('server: new tunnel');
    t.on('stream', (stream: TunnelStream) => {
      log.push('server: stream opened');
      stream.on('data', (chunk: Buffer) => log.push(`server: received ${chunk}`));
      stream.on('end', () => stream.end());
    }).once('close', () => log.push('server: tunnel closed'));
  });
  await once(tServer, 'listening');

  // client
  const tunnel = connectTunnel(`ws://127.0.0.1:${portOf(tServer)}`);
  tunnel
    .on('open', () => log.push('client: tunnel opened'))
    .on('error', (e) => log.push(`client: error ${e}`))
    .once('close', () => log.push('client: tunnel closed'));
  const stream = tunnel.createStream(); // create a sub stream
  stream.on('open', () => log.push('client: stream opened')).on('close', () => log.push('client: stream closed'));
  stream.write('poi');
  stream.resume().end();

  await once(stream, 'close');
  tunnel.close();
  await until(
    () => log.length === 8,
    () => `eight lines, not ${log}`,
  );
  const of = (side: string) => log.filter((line) => line.startsWith(side));
  expect(of('server')).toEqual([
    'server: new tunnel',
    'server: stream opened',
    'server: received poi',
    'server: tunnel closed',
  ]);
  expect(of('client')).toEqual([
    'client: tunnel opened',
    'client: stream opened',
    'client: stream closed',
    'client: tunnel closed',
  ]);
});

it('both sides can create streams in the tunnel, at the same time, and their ids never collide', async () => {
  const { here, there } = await tunnelPair(await serve());
  const sides = [here, there];
  for (const side of sides) echoStreams(side);
  const streams = Array.from({ length: 100 }, (_, count) => sides[count % 2]!.createStream({ meta: { count } }));
  const echoes = await Promise.all(
    streams.map(async (stream, count) => {
      stream.end(`stream ${count}`);
      return String(Buffer.concat(await stream.toArray()));
    }),
  );
  expect(echoes).toEqual(streams.map((_, count) => `stream ${count}`));
  expect(new Set(streams.map(({ uid }) => uid)).size).toBe(100);
});

describe('tunnel types', () => {
  it('subStream: many streams in one tunnel, which is the default and is called multi', async () => {
    const { here, there } = await tunnelPair(await serve());
    expect([here.mode, there.mode]).toEqual(['multi', 'multi']);
  });

  it.each(['client', 'server'])('stream: only one stream in the tunnel, of the %s', async (who) => {
    const served = await serve();
    const { here, there } = await tunnelPair(served, { mode: 'stream' });
    expect([here.mode, there.mode]).toEqual(['stream', 'stream']);
    const [opener, other] = who === 'client' ? [here, there] : [there, here];
    echoStreams(other);
    const stream = opener.createStream();
    await expect(opener.createStream().opened).rejects.toMatchObject({ code: 'LIMIT_STREAMS' });
    await stream.opened;
    await expect(other.createStream().opened).rejects.toMatchObject({ code: 'LIMIT_STREAMS' });
    expect(await echoOf(stream, 'all there is')).toBe('all there is');
    for (const tunnel of [here, there])
      expect(await tunnel.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'its only stream is over' });
    expect(served.server.tunnels.size).toBe(0);
  });

  it('stream: both sides open theirs at once, and nobody waits for ever', async () => {
    const { here, there } = await tunnelPair(await serve(), { mode: 'stream' });
    for (const side of [here, there]) side.on('stream', (stream: TunnelStream) => stream.end().resume());
    const outcomes = [here.createStream(), there.createStream()].map((stream) =>
      stream.opened.then(
        () => 'opened',
        ({ code }) => code,
      ),
    );
    expect(await Promise.all(outcomes)).toEqual(['LIMIT_STREAMS', 'LIMIT_STREAMS']);
    expect((await Promise.all([here.closed, there.closed])).map(({ code }) => code)).toEqual([
      'TUNNEL_CLOSED',
      'TUNNEL_CLOSED',
    ]);
  });

  it('the client negotiates the type with the server, which may take only some', async () => {
    const { url, server } = await serve({ modes: ['stream'] });
    await expect(dial(url).opened).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: 'tunnels of mode multi are not taken here',
    });
    const tunnel = dial(url, { mode: 'stream' });
    await tunnel.opened;
    expect([...server.tunnels.keys()]).toEqual([tunnel.id]);
  });

  it('one that does not exist is a TypeError, on either side', async () => {
    expect(() => connectTunnel('ws://localhost', { mode: 'subStream' as 'multi' })).toThrow(TypeError);
    expect(() => new TunnelServer({ port: 0, modes: ['subStream' as 'multi'] })).toThrow(TypeError);
    expect(() => new TunnelServer({ port: 0, modes: [] })).toThrow(TypeError);
  });
});

describe('idleTimeout', () => {
  it.each(['client', 'server'])(
    'of the %s: a tunnel without streams closes, one with a stream does not',
    async (who) => {
      const idle = { idleTimeoutMs: 400 };
      const served = await serve(who === 'server' ? idle : {});
      const options = who === 'client' ? idle : {};
      const busy = await tunnelPair(served, options);
      echoStreams(busy.there);
      const stream = busy.here.createStream();
      await stream.opened;
      // Begun later, and over by then: the busy one has had its time.
      const unused = await tunnelPair(served, options);
      for (const tunnel of [unused.here, unused.there])
        expect(await tunnel.closed).toMatchObject({
          code: 'TUNNEL_CLOSED',
          message: 'it carried no stream for 400 ms',
        });
      expect([busy.here.state, busy.there.state]).toEqual(['open', 'open']);
      stream.end('still here');
      expect(String(Buffer.concat(await stream.toArray()))).toBe('still here');
      expect((await busy.here.closed).message).toBe('it carried no stream for 400 ms');
    },
  );

  it('0, the default: the tunnel is kept', async () => {
    const served = await serve();
    const kept = await tunnelPair(served, { idleTimeoutMs: 0 });
    const closed = await tunnelPair(served, { idleTimeoutMs: 400 });
    await closed.here.closed;
    expect([kept.here.state, kept.there.state]).toEqual(['open', 'open']);
  });
});

describe('keepBrokenTunnel', () => {
  it.each([
    ['client', { keepBrokenTunnelMs: 0 }, {}],
    ['server', {}, { keepBrokenTunnelMs: 0 }],
    ['client and server', { keepBrokenTunnelMs: 0 }, { keepBrokenTunnelMs: 0 }],
  ])('0 at the %s: a broken tunnel closes at once, on both sides', async (_who, ofClient, ofServer) => {
    const served = await serve(ofServer);
    const proxy = await networkTo(served.url);
    const { here, there } = await tunnelPair(served, ofClient, proxy.url);
    there.on('stream', (stream: TunnelStream) => stream.on('error', () => {}));
    const stream = here.createStream();
    await stream.opened;
    const failed = once(stream, 'error');
    proxy.cut();
    for (const error of [await here.closed, await there.closed, ...(await failed)])
      expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
    expect(served.server.tunnels.size).toBe(0);
  });

  it('so many milliseconds: then both sides close it', async () => {
    const served = await serve({ keepBrokenTunnelMs: 200 });
    const proxy = await networkTo(served.url);
    const { here, there } = await tunnelPair(served, { keepBrokenTunnelMs: 200 }, proxy.url);
    const states: string[] = [];
    for (const tunnel of [here, there]) tunnel.on('suspend', () => states.push(tunnel.state));
    proxy.refuse();
    proxy.cut();
    for (const tunnel of [here, there]) expect(await tunnel.closed).toMatchObject({ code: 'RESUME_EXPIRED' });
    expect(states).toEqual(['suspended', 'suspended']);
    expect(served.server.tunnels.size).toBe(0);
  });

  it('two names for the same: only one may be given', async () => {
    expect(() => connectTunnel('ws://localhost', { keepBrokenTunnelMs: 1, resumeWindowMs: 1 })).toThrow(TypeError);
    expect(() => connectTunnel('ws://localhost', { keepBrokenTunnelMs: -1 })).toThrow('keepBrokenTunnelMs');
  });
});

describe('requestTunnel: a broken tunnel is resumed', () => {
  it('with the same object on both sides, the same id, and its streams, in both directions', async () => {
    const served = await serve(KEEP);
    const proxy = await networkTo(served.url);
    const { here, there } = await tunnelPair(served, KEEP, proxy.url);
    const events: string[] = [];
    for (const [side, tunnel] of Object.entries({ here, there }))
      for (const event of ['suspend', 'resume', 'close']) tunnel.on(event, () => events.push(`${side} ${event}`));
    for (const tunnel of [here, there]) echoStreams(tunnel);
    const streams = [here.createStream(), there.createStream()];
    for (const stream of streams) stream.write('before, ');
    await Promise.all(streams.map((stream) => once(stream, 'data')));
    const { id } = here;
    proxy.cut();
    await until(
      () => events.length === 4,
      () => `both to go on, not only ${events}`,
    );
    expect([...events].sort()).toEqual(['here resume', 'here suspend', 'there resume', 'there suspend']);
    expect(await Promise.all(streams.map((stream) => echoOf(stream, 'and after')))).toEqual(['and after', 'and after']);
    expect([here.id, there.id, served.accepted.length]).toEqual([id, id, 1]);
    expect(served.server.tunnels.get(id as string)).toBe(there);
  });

  it('not by who knows its id: that is another tunnel, and the first goes on', async () => {
    const served = await serve(KEEP);
    const { here, there } = await tunnelPair(served, KEEP);
    const thief = await RawPeer.dial(served.url);
    thief.send(hello({ endpoint: here.id }));
    const welcome = await thief.nextPayload(Type.WELCOME);
    expect(welcome.tunnelId).toMatch(/^[0-9a-f]{32}$/);
    expect([welcome.tunnelId === here.id, welcome.isReturning ?? false]).toEqual([false, false]);
    expect(served.accepted.length).toBe(2);
    echoStreams(there);
    const stream = here.createStream();
    expect(await echoOf(stream, 'mine')).toBe('mine');
    await thief.close();
  });

  it('but by who has its secret: the same tunnel, from the older connection', async () => {
    const served = await serve(KEEP);
    const secret = 'a'.repeat(32);
    const [first, second] = [await RawPeer.dial(served.url), await RawPeer.dial(served.url)];
    first.send(hello({ endpoint: secret }));
    const { tunnelId } = await first.nextPayload(Type.WELCOME);
    second.send(hello({ endpoint: secret }));
    expect(await second.nextPayload(Type.WELCOME)).toMatchObject({ tunnelId, isReturning: true });
    expect(await first.goaway()).toMatchObject({ code: 'CONNECTION_LOST' });
    expect([served.accepted.length, served.server.tunnels.size]).toEqual([1, 1]);
    expect(served.accepted[0]!.id).toBe(tunnelId);
    await second.close();
  });
});

describe('tunnelHelper.tunnels', () => {
  it('the server has all of its tunnels by id, and tells of each that opens and closes', async () => {
    const served = await serve();
    const told: string[] = [];
    served.server.on('tunnel.open', ({ id }: Tunnel) => told.push(`open ${id}`));
    served.server.on('tunnel.close', ({ id }: Tunnel, { code }) => told.push(`close ${id} ${code}`));
    const pairs = [await tunnelPair(served), await tunnelPair(served), await tunnelPair(served)];
    expect([...served.server.tunnels]).toEqual(pairs.map(({ here, there }) => [here.id, there]));
    pairs[1]!.here.close();
    await pairs[1]!.there.closed;
    expect([...served.server.tunnels.values()]).toEqual([pairs[0]!.there, pairs[2]!.there]);
    const ids = pairs.map(({ here }) => here.id);
    expect(told).toEqual([...ids.map((id) => `open ${id}`), `close ${ids[1]} TUNNEL_CLOSED`]);
  });
});

describe('closeTunnel(reason)', () => {
  it.each(['client', 'server'])('of the %s: every live stream gets the reason as its error', async (who) => {
    const { here, there } = await tunnelPair(await serve());
    const far: TunnelStream[] = [];
    there.on('stream', (stream: TunnelStream) => far.push(stream));
    const near = Array.from({ length: 5 }, () => here.createStream());
    await Promise.all(near.map((stream) => stream.opened));
    const [closing, own, others] = who === 'client' ? [here, near, far] : [there, far, near];
    const errorsOf = (streams: TunnelStream[]) =>
      Promise.all(streams.map(async (stream) => (await once(stream, 'error'))[0] as { code: string; message: string }));
    const errors = [errorsOf(own), errorsOf(others)];
    closing.close('closed for repairs');
    for (const error of (await Promise.all(errors)).flat())
      expect(error).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'closed for repairs' });
    for (const tunnel of [here, there]) {
      expect(await tunnel.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'closed for repairs' });
      expect(tunnel.state).toBe('closed');
    }
  });

  it('close() of the server does so for each of its tunnels', async () => {
    const served = await serve();
    const pairs = [await tunnelPair(served), await tunnelPair(served)];
    const closed = once(served.server, 'close');
    await served.server.close('the server goes home');
    await closed;
    for (const { here } of pairs)
      expect(await here.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'the server goes home' });
    expect(served.server.tunnels.size).toBe(0);
  });
});

describe('what it gets wrong', () => {
  it('a cut in the middle of 20 MB: not a byte is missing, in neither direction', async () => {
    const served = await serve(KEEP);
    const proxy = await networkTo(served.url);
    const { here, there } = await tunnelPair(served, KEEP, proxy.url);
    const accepted = once(there, 'stream') as Promise<[TunnelStream]>;
    const near = here.createStream();
    const [far] = await accepted;
    const results = Promise.all([readSeeded(far, 1), readSeeded(near, 2)]);
    const written = Promise.all([writeSeeded(near, 1, 20 * MB), writeSeeded(far, 2, 20 * MB)]);
    await until(() => proxy.counters.toRelayBytes > 10 * MB, '10 MB');
    proxy.cut();
    const [up, down] = await results;
    await written;
    expect([up.bytes, down.bytes]).toEqual([20 * MB, 20 * MB]);
    expect([up.sha256, down.sha256]).toEqual([seededSha256(1, 20 * MB), seededSha256(2, 20 * MB)]);
    expect(proxy.counters.accepted).toBe(2);
  });

  it('many cuts, of every kind: not a byte is missing', async () => {
    const seed = 20_250;
    const random = seededRandom(seed);
    const served = await serve({ ...KEEP, heartbeat: { intervalMs: 100, timeoutMs: 200 } });
    const proxy = await networkTo(served.url);
    // A black hole may open in the middle of a handshake as well.
    const { here, there } = await tunnelPair(served, { ...KEEP, handshakeTimeoutMs: 500 }, proxy.url);
    // As a page that is shown again does: the pauses between dials are not what is tested.
    const awake = (condition: () => boolean) => (): boolean => {
      tunnelInternals(here).redial.wake();
      return condition();
    };
    const saboteur = new Saboteur(proxy, seed);
    echoStreams(there);
    const streams = Array.from({ length: 4 }, () => here.createStream());
    let received = 0;
    for (const stream of streams)
      stream.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
    const results = Promise.all(streams.map((stream, count) => readSeeded(stream, seed + count)));
    const written = Promise.all(streams.map((stream, count) => writeSeeded(stream, seed + count, 5 * MB)));
    while (saboteur.count < 12) {
      const due = received + random(MB);
      await until(
        awake(() => received >= due || received === 20 * MB),
        () => `byte ${due} of seed ${seed}`,
      );
      if (!saboteur.cutOne())
        await until(
          awake(() => saboteur.whole.length > 0),
          'another connection',
        );
    }
    await until(
      awake(() => received === 20 * MB),
      'all bytes',
      15_000,
    );
    for (const { bytes } of await results) expect(bytes, `seed ${seed}`).toBe(5 * MB);
    await written;
    // The other side may wait for a last word that went into a black hole, for as long as it would for a stream.
    await until(
      awake(() => leftOf(here).length === 0),
      () => `all streams to be over, not ${leftOf(here)}`,
    );
    here.close();
    await there.closed;
    expect(saboteur.count).toBe(12);
    expect(served.accepted.length).toBe(1);
  });

  it('33,000 streams on one tunnel: those with ids above 65,535 are nobody else', async () => {
    const { here, there } = await tunnelPair(await serve());
    there.on('stream', (stream: TunnelStream) => {
      if (stream.meta === 'stays') stream.pipe(stream);
      else stream.resume().end(String(stream.meta));
    });
    // With the lowest ids, and there through all of it.
    const stayed = Array.from({ length: 50 }, () => here.createStream({ meta: 'stays' }));
    const wrong: string[] = [];
    const openSome = async (from: number): Promise<void> => {
      for (let count = from; count < 33_000; count += 50) {
        const answer = await echoOf(here.createStream({ meta: count }), '');
        if (answer !== String(count)) wrong.push(`${count}: ${answer}`);
      }
    };
    await Promise.all(Array.from({ length: 50 }, (_, from) => openSome(from)));
    expect(wrong).toEqual([]);
    const echoes = await Promise.all(stayed.map((stream, count) => echoOf(stream, `I am ${count}`)));
    expect(echoes).toEqual(stayed.map((_, count) => `I am ${count}`));
  }, 120_000);
});
