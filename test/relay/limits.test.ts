import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import type { Relay } from '../../relay/index.js';
import type { RelayCore } from '../../relay/relay-core.js';
import { StreamClient, type Tunnel } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, hello, open, RawPeer, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

const internalsOf = (relay: Relay) => relay as unknown as { core: RelayCore; transportBytes(): number };

async function serveEcho(fixture: RelayFixture): Promise<void> {
  await fixture.listen('echo', (stream) => stream.pipe(stream));
}

async function echo(tunnel: Tunnel, said: string): Promise<string> {
  const stream = StreamClient(tunnel).connect('echo');
  stream.end(said);
  return text(stream);
}

describe('sockets that say nothing', () => {
  test('leave no room beyond so many from one address; the next is told so', async () => {
    const fixture = await startRelay({ limits: { maxHandshakesPerAddress: 2 } });
    const silent = await Promise.all([RawPeer.dial(fixture.url), RawPeer.dial(fixture.url)]);
    await expect(RawPeer.dial(fixture.url)).rejects.toThrow('503');
    expect(fixture.relay.stats().refusals).toEqual({ LIMIT_RATE: 1 });
    await silent[0]?.close();
    await fixture.dial().opened;
    await silent[1]?.close();
  });

  test('dialed too often from one address: they are refused, and others are not', async () => {
    const rates = { dials: { burst: 2, perSecond: 0.001 } };
    const fixture = await startRelay({ rates, trustedProxies: ['127.0.0.1'] });
    const from = (address: string) => fixture.dial({ ws: { headers: { 'X-Forwarded-For': address } } }).opened;
    await from('198.51.100.7');
    await from('198.51.100.7');
    await expect(from('198.51.100.7')).rejects.toThrow('503');
    expect(fixture.relay.stats().refusals).toEqual({ LIMIT_RATE: 1 });
    await from('198.51.100.8');
  });

  test('are told apart by what a trusted proxy says', async () => {
    const fixture = await startRelay({ limits: { maxHandshakesPerAddress: 1 }, trustedProxies: ['127.0.0.1'] });
    const silent = await RawPeer.dial(fixture.url);
    await fixture.dial({ ws: { headers: { 'X-Forwarded-For': '198.51.100.7' } } }).opened;
    await expect(RawPeer.dial(fixture.url)).rejects.toThrow('503');
    await silent.close();
  });

  test('do not keep the relay itself from connecting', async () => {
    const fixture = await startRelay({ limits: { maxHandshakes: 2 } });
    await serveEcho(fixture);
    const silent = await Promise.all([RawPeer.dial(fixture.url), RawPeer.dial(fixture.url)]);
    const stream = fixture.relay.connect('echo');
    stream.end('from here');
    expect(await text(stream)).toBe('from here');
    await Promise.all(silent.map((peer) => peer.close()));
  });
});

test('a flood is cut, is counted, and is remembered when it comes back; who is beside it notices nothing', async () => {
  const fixture = await startRelay({ rates: { pings: { burst: 100, perSecond: 0.001 } } });
  await serveEcho(fixture);
  const honest = fixture.dial();
  const pings = (count: number) => Array.from({ length: count }, () => frame(0, Type.PING, Buffer.alloc(8)));
  const flood = async (count: number): Promise<object> => {
    const peer = await RawPeer.dial(fixture.url);
    peer.send(hello({ endpoint: 'e'.repeat(32) }), ...pings(count));
    const { payload } = await peer.next(Type.GOAWAY);
    await peer.closed;
    return JSON.parse(payload.toString()) as object;
  };
  expect(await flood(101)).toMatchObject({ code: 'LIMIT_RATE', retryAfterMs: 50_000_000 });
  expect(await flood(1)).toMatchObject({ code: 'LIMIT_RATE' });
  expect(await echo(honest, 'as ever')).toBe('as ever');
  expect(fixture.relay.stats().tunnelEnds).toEqual({ LIMIT_RATE: 2 });
});

test('who is cut comes back when it may, and its streams go on', async () => {
  const fixture = await startRelay({ rates: { pings: { burst: 4, perSecond: 10 } } });
  await serveEcho(fixture);
  const client = fixture.dial();
  const stream = StreamClient(client).connect('echo');
  await stream.opened;
  stream.write('before, ');
  const pings = await Promise.allSettled(Array.from({ length: 5 }, () => client.ping()));
  expect(pings.at(-1)?.status).toBe('rejected');
  stream.end('and after');
  expect(await text(stream)).toBe('before, and after');
  expect(fixture.relay.stats()).toMatchObject({ tunnelEnds: { LIMIT_RATE: 1 }, resumes: { matched: 1 } });
});

test('a thousand streams at once are no flood', async () => {
  const fixture = await startRelay();
  await serveEcho(fixture);
  const client = fixture.dial();
  const said = await Promise.all(Array.from({ length: 1000 }, (_, index) => echo(client, `${index}`)));
  expect(said).toEqual(Array.from({ length: 1000 }, (_, index) => `${index}`));
  expect(fixture.relay.stats()).toMatchObject({ refusals: {}, tunnelEnds: {} });
});

test('streams that are opened too fast take longer, and none fails', async () => {
  const fixture = await startRelay({ rates: { opens: { burst: 10, perSecond: 200 } } });
  await serveEcho(fixture);
  const client = fixture.dial();
  const said = await Promise.all(Array.from({ length: 60 }, (_, index) => echo(client, `${index}`)));
  expect(said).toEqual(Array.from({ length: 60 }, (_, index) => `${index}`));
  expect(fixture.relay.stats().refusals).toEqual({});
});

test('what a socket has been given and cannot send is held, until the socket is gone', async () => {
  const fixture = await startRelay();
  const megabyte = Buffer.alloc(1024 * 1024);
  await fixture.listen('source', (stream) => {
    const more = () => void (stream.destroyed || stream.write(megabyte, more));
    stream.on('error', () => {});
    more();
  });
  const deaf = await RawPeer.ready(fixture.url);
  deaf.socket.pause();
  deaf.send(open(1, { kind: 'connect', name: 'source', waitMs: 0 }, { credit: 1024 * 1024 * 1024 }));
  const { core } = internalsOf(fixture.relay);
  await until(() => internalsOf(fixture.relay).transportBytes() > 0, 'its socket is full');
  await until(() => core.heldBytes > 0, 'that is counted');
  deaf.socket.terminate();
  await until(() => core.heldBytes === 0, 'nothing is held any more');
});
