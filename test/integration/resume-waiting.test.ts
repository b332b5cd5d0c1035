import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { StreamClient } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { kindsOf, watchOpens } from '../support/opens.js';
import { newUid, open, RawPeer, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { readSeeded, seededBytes } from '../support/seeded-bytes.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

/** Often enough to count them, and patient enough for a machine that is busy. */
const heartbeat = { intervalMs: 30, timeoutMs: 10_000 };
const HEARTBEATS = 10;
/** A frame of 8 + 8 bytes in a WebSocket frame of its own, which is masked towards the relay. */
const PING_BYTES = 18;
const PONG_BYTES = 22;
const WAIT_MS = 20_000;
const BYTES = 100_000;

checkLeaksAfterEach();

async function startProxy(fixture: RelayFixture): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(fixture.url);
  fixture.alsoClose.push(() => proxy.close());
  return proxy;
}

/** Nothing passes but heartbeats, for ten of them. */
async function expectSilence({ counters }: TcpProxy): Promise<void> {
  const before = { ...counters };
  const pongs = (): number => (counters.toRelayBytes - before.toRelayBytes) / PONG_BYTES;
  const pings = (): number => (counters.toPeerBytes - before.toPeerBytes) / PING_BYTES;
  await until(() => pongs() >= HEARTBEATS, `${HEARTBEATS} heartbeats`);
  expect([pongs(), pings()].map(Number.isInteger)).toEqual([true, true]);
  expect(pings()).toBeLessThanOrEqual(pongs() + 1);
  expect(counters.accepted).toBe(before.accepted);
}

describe('who waits for another waits in the relay', () => {
  it('a connect with waitMs: asked for once, then silence, then the stream', async () => {
    const fixture = await startRelay({ heartbeat });
    const opens = watchOpens(fixture.relay);
    const proxy = await startProxy(fixture);
    const tunnel = fixture.dial({}, proxy.url);
    await tunnel.opened;
    const stream = StreamClient(tunnel).connect('LATE', { waitMs: WAIT_MS });
    await until(() => fixture.relay.stats().connects.pending === 1, 'the connect to wait');
    await expectSilence(proxy);
    expect(kindsOf(opens)).toEqual(['connect']);
    await fixture.listen('LATE', (server) => server.end(seededBytes(1, 0, BYTES)).resume());
    stream.end();
    expect((await readSeeded(stream, 1)).bytes).toBe(BYTES);
    expect(kindsOf(opens)).toEqual(['connect', 'listen', 'accept']);
  });

  it('a stream whose other end is away: asked for once, then silence, then it goes on', async () => {
    const fixture = await startRelay({ heartbeat });
    const opens = watchOpens(fixture.relay);
    const [clientProxy, serverProxy] = [await startProxy(fixture), await startProxy(fixture)];
    const { client, server } = await fixture.pair('AWAY', {
      client: fixture.dial({}, clientProxy.url),
      server: fixture.dial({}, serverProxy.url),
    });
    opens.length = 0;
    serverProxy.refuse();
    serverProxy.cut();
    await until(() => fixture.relay.stats().resumes.pending === 1, 'the stream to wait');
    expect([client.suspended, client.destroyed]).toEqual([true, false]);
    await expectSilence(clientProxy);
    expect(kindsOf(opens)).toEqual(['resume']);
    serverProxy.admit();
    client.end(seededBytes(2, 0, BYTES));
    expect((await readSeeded(server, 2)).bytes).toBe(BYTES);
    expect(kindsOf(opens)).toEqual(['resume']);
    server.end();
    client.resume();
    await once(client, 'close');
  });
});

describe('waiting has an end, with a code', () => {
  it('a connect: NO_LISTENER when its time is over, and when the relay lets nobody wait for longer', async () => {
    const fixture = await startRelay({ limits: { maxWaitMs: 200 } });
    const client = StreamClient(fixture.dial());
    await expect(client.connect('NOBODY', { waitMs: 50 }).opened).rejects.toMatchObject({ code: 'NO_LISTENER' });
    await expect(client.connect('NOBODY', { waitMs: 900_000 }).opened).rejects.toMatchObject({ code: 'NO_LISTENER' });
    expect(fixture.relay.stats().connects).toMatchObject({ requested: 2, expired: 2 });
  });

  it('a re-open: RESUME_EXPIRED, which is worth another try only if the relay had cut the time', async () => {
    const fixture = await startRelay({ limits: { maxWaitMs: 200 } });
    const peer = await RawPeer.ready(fixture.url);
    const resume = { epoch: 1, received: 0, ended: false, proof: 'x' };
    const waitFor = async (id: number, waitMs: number) => {
      peer.send(open(id, { kind: 'resume', endpoint: 'nobody', waitMs }, { uid: newUid(), resume }));
      return peer.nextPayload(Type.RESET);
    };
    expect(await waitFor(1, 0)).toMatchObject({ code: 'RESUME_EXPIRED' });
    expect(await waitFor(3, 50)).toMatchObject({ code: 'RESUME_EXPIRED', retryable: false });
    expect(await waitFor(5, 900_000)).toMatchObject({ code: 'RESUME_EXPIRED', retryable: true });
    await peer.close();
  });

  it('a stream asks again where the relay lets nobody wait for as long as it may', async () => {
    const fixture = await startRelay({ limits: { maxWaitMs: 50 } });
    const proxy = await startProxy(fixture);
    const { client, server } = await fixture.pair('AWAY', { server: fixture.dial({}, proxy.url) });
    proxy.refuse();
    proxy.cut();
    await until(() => fixture.relay.stats().resumes.expired > 0, 'the stream to be turned away');
    expect(client.destroyed).toBe(false);
    proxy.admit();
    client.end(seededBytes(3, 0, BYTES));
    expect((await readSeeded(server, 3)).bytes).toBe(BYTES);
    server.end();
    client.resume();
    await once(client, 'close');
  });
});
