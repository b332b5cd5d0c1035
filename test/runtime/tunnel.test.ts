import { type ChildProcess, spawn } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';
import { finished } from 'node:stream/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { connectTunnel, StreamClient, StreamServer, Tunnel, type TunnelStream } from '../../src/index.js';
import { type Clock, systemClock } from '../../src/runtime/clock.js';
import { dialConnection } from '../../src/runtime/dial-connection.js';
import { DialedTunnel } from '../../src/runtime/dialed-tunnel.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, newUid, offsets, open, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

/** A tunnel to a peer that is written by hand, after the handshake. */
async function dialByHand(): Promise<{
  tunnel: Tunnel;
  peer: WebSocket;
  next: () => Promise<Buffer>;
  end: () => Promise<void>;
}> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'trunkline.1' });
  await once(server, 'listening');
  const tunnel = connectTunnel(`ws://127.0.0.1:${(server.address() as { port: number }).port}`);
  const [peer] = (await once(server, 'connection')) as [WebSocket];
  const inbox: Buffer[] = [];
  let wake = (): void => {};
  peer.on('message', (message: Buffer) => {
    for (let at = 0; at < message.length; ) {
      const end = at + 8 + message.readUIntBE(at + 5, 3);
      inbox.push(message.subarray(at, end));
      at = end;
    }
    wake();
  });
  const next = async (): Promise<Buffer> => {
    while (inbox.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return inbox.shift()!;
  };
  expect((await next()).readUInt8(4)).toBe(Type.HELLO);
  const heartbeat = { intervalMs: 10_000, timeoutMs: 10_000 };
  peer.send(frame(0, Type.WELCOME, { version: 1, limits: {}, heartbeat, relayId: 'by-hand' }));
  await tunnel.opened;
  const end = async (): Promise<void> => {
    tunnel.close();
    await tunnel.closed;
    await new Promise((resolve) => server.close(resolve));
  };
  return { tunnel, peer, next, end };
}

const json = (bytes: Buffer): unknown => JSON.parse(bytes.subarray(8).toString());

describe('a stream that the peer opens', () => {
  it("comes by 'stream', with uid, meta and what was sent early, and answers", async () => {
    const { tunnel, peer, next, end } = await dialByHand();
    const incoming = once(tunnel, 'stream') as Promise<[TunnelStream]>;
    const uid = newUid();
    peer.send(
      Buffer.concat([
        open(2, { kind: 'plain' }, { uid, meta: { from: 'peer' }, credit: 5 }),
        frame(2, Type.DATA, Buffer.from('early')),
        frame(2, Type.END, offsets(5)),
      ]),
    );
    const [stream] = await incoming;
    expect(stream).toMatchObject({ uid, meta: { from: 'peer' }, name: undefined });
    await stream.opened;
    stream.end('hello world');
    const accept = await next();
    expect([accept.readUInt32BE(0), accept.readUInt8(4)]).toEqual([2, Type.ACCEPT]);
    expect(json(accept)).toMatchObject({ credit: 256 * 1024, meta: null });
    const [early] = (await once(stream, 'data')) as [Buffer];
    expect(early.toString()).toBe('early');
    expect((await next()).readUInt8(4)).toBe(Type.END_ACK);

    const data = await next();
    expect(data.readUInt8(4) & 0x80, 'the credit is used up').toBe(0x80);
    expect(data.subarray(8).toString()).toBe('hello');
    peer.send(frame(2, Type.CREDIT, offsets(5, 100)));
    expect((await next()).subarray(8).toString()).toBe(' world');
    expect((await next()).equals(frame(2, Type.END, offsets(11)))).toBe(true);
    expect(stream.writableFinished).toBe(false);
    const finished = once(stream, 'finish');
    peer.send(frame(2, Type.END_ACK));
    await finished;
    await end();
  });

  it('is REFUSED where nobody takes streams', async () => {
    const { peer, next, end } = await dialByHand();
    peer.send(open(2, { kind: 'plain' }));
    const reset = await next();
    expect([reset.readUInt32BE(0), reset.readUInt8(4)]).toEqual([2, Type.RESET]);
    expect(json(reset)).toMatchObject({ code: 'REFUSED' });
    await end();
  });

  it.each(['connect', 'listen', 'accept'])('with the target %s is FORBIDDEN: this side is no relay', async (kind) => {
    const { peer, next, end } = await dialByHand();
    peer.send(open(2, { kind, name: 'NAME', offerId: newUid() }));
    expect(json(await next())).toMatchObject({ code: 'FORBIDDEN' });
    await end();
  });
});

describe('a stream that the peer wants to carry on', () => {
  const progress = { epoch: 1, received: 0, ended: false, proof: 'guessed' };

  it.each([
    ['that is not here', { resume: progress }],
    ['and says not from where', {}],
  ])('%s is RESUME_UNKNOWN', async (_what, fields) => {
    const { peer, next, end } = await dialByHand();
    peer.send(open(2, { kind: 'resume', endpoint: 'here', waitMs: 0 }, fields));
    const reset = await next();
    expect([reset.readUInt32BE(0), reset.readUInt8(4)]).toEqual([2, Type.RESET]);
    expect(json(reset)).toMatchObject({ code: 'RESUME_UNKNOWN' });
    await end();
  });

  it('but was opened without a key is RESUME_UNKNOWN as well, and goes on where it is', async () => {
    const { tunnel, peer, next, end } = await dialByHand();
    const incoming = once(tunnel, 'stream') as Promise<[TunnelStream]>;
    const uid = newUid();
    peer.send(open(2, { kind: 'plain' }, { uid }));
    const [stream] = await incoming;
    expect((await next()).readUInt8(4)).toBe(Type.ACCEPT);
    peer.send(open(4, { kind: 'resume', endpoint: 'here', waitMs: 0 }, { uid, resume: progress }));
    const reset = await next();
    expect(reset.readUInt32BE(0)).toBe(4);
    expect(json(reset)).toMatchObject({ code: 'RESUME_UNKNOWN' });
    stream.on('error', () => {}).write('still here');
    expect((await next()).subarray(8).toString()).toBe('still here');
    await end();
  });
});

describe('heartbeat', () => {
  it('answers a PING with its own bytes', async () => {
    const { peer, next, end } = await dialByHand();
    peer.send(frame(0, Type.PING, Buffer.from('8 bytes!')));
    expect((await next()).equals(frame(0, Type.PONG, Buffer.from('8 bytes!')))).toBe(true);
    await end();
  });
});

describe('close', () => {
  it('says GOAWAY TUNNEL_CLOSED with the reason, and closes the WebSocket with 1000', async () => {
    const { tunnel, peer, next, end } = await dialByHand();
    const closed = once(peer, 'close') as Promise<[number, Buffer]>;
    tunnel.close('done for today');
    const goaway = await next();
    expect(goaway.readUInt8(4)).toBe(Type.GOAWAY);
    expect(json(goaway)).toMatchObject({ code: 'TUNNEL_CLOSED', reason: 'done for today' });
    expect((await closed)[0]).toBe(1000);
    await end();
  });
});

/** A relay that is reached through a proxy, which can cut the way to it. */
async function startProxied(): Promise<{ fixture: RelayFixture; proxy: TcpProxy }> {
  const fixture = await startRelay();
  const proxy = await TcpProxy.start(fixture.url);
  fixture.alsoClose.push(() => proxy.close());
  return { fixture, proxy };
}

type Told = Tunnel | TunnelStream;

/** What is told of suspensions and ends, with its code, and what the object itself says meanwhile. */
function record(told: Told): string[] {
  const events: string[] = [];
  const note = (event: string, error?: { code?: string }): void => {
    const state = told instanceof Tunnel ? told.state : told.suspended ? 'suspended' : 'attached';
    events.push([event, error?.code, state].filter(Boolean).join(' '));
  };
  for (const event of ['open', 'suspend', 'error', 'close'])
    (told as EventEmitter).on(event, (error?: { code?: string }) => note(event, error));
  // Node's own 'resume' tells that somebody reads.
  let wasSuspended = false;
  (told as EventEmitter).on('suspend', () => {
    wasSuspended = true;
  });
  (told as EventEmitter).on('resume', () => {
    if (!wasSuspended || (told as TunnelStream).suspended) return;
    wasSuspended = false;
    note('resume');
  });
  return events;
}

async function echoes(stream: TunnelStream, text: string): Promise<void> {
  stream.write(text);
  expect(String((await once(stream, 'data'))[0])).toBe(text);
}

async function endBoth(...streams: TunnelStream[]): Promise<void> {
  for (const stream of streams) stream.resume().end();
  await Promise.all(streams.map((stream) => finished(stream)));
}

describe('a lost connection', () => {
  it('suspends the tunnel and its streams, which go on over the next one', async () => {
    const { fixture, proxy } = await startProxied();
    const client = fixture.dial({}, proxy.url);
    expect(client.state).toBe('connecting');
    const { client: stream, server } = await fixture.pair('NAME', { client });
    server.pipe(server);
    const [ofTunnel, ofStream, ofOther] = [record(client), record(stream), record(server)];
    expect([client.state, stream.suspended]).toEqual(['open', false]);

    proxy.refuse();
    proxy.cut();
    await until(() => ofTunnel.length === 1 && ofOther.length === 1, 'both ends to learn');
    const waiting = StreamClient(client).connect('LATER', { waitMs: 60_000 });
    stream.write('meanwhile');
    const answer = once(stream, 'data');
    expect([client.state, stream.suspended, server.suspended]).toEqual(['suspended', true, true]);

    proxy.admit();
    expect(String((await answer)[0])).toBe('meanwhile');
    expect([client.state, stream.suspended, server.suspended]).toEqual(['open', false, false]);
    expect(ofTunnel).toEqual(['suspend CONNECTION_LOST suspended', 'resume open']);
    expect(ofStream).toEqual(['suspend CONNECTION_LOST suspended', 'resume attached']);
    expect(ofOther).toEqual(['suspend CONNECTION_LOST suspended', 'resume attached']);
    await fixture.listen('LATER', (late) => late.pipe(late));
    await echoes(waiting, 'opened meanwhile');
    await endBoth(stream, waiting);
    client.close();
    await client.closed;
    expect(client.state).toBe('closed');
  });

  it('is RESUME_EXPIRED for tunnel, streams and names when the relay does not come back', async () => {
    const { fixture, proxy } = await startProxied();
    const near = fixture.dial({ resumeWindowMs: 200 }, proxy.url);
    const streams = [await fixture.pair('A', { client: near }), await fixture.pair('B', { server: near })];
    const listener = StreamServer(near, () => {}).listen('NAME');
    await listener.ready;
    const ofListener: string[] = [];
    listener.on('error', (error) => ofListener.push(error.code)).on('close', () => ofListener.push('close'));
    const own = [streams[0]!.client, streams[1]!.server];
    const told = [near, ...own].map(record);
    proxy.refuse();
    proxy.cut();
    const waiting = StreamClient(near).connect('A', { waitMs: 60_000 });
    const failed = once(waiting, 'error');

    expect(await near.closed).toMatchObject({ code: 'RESUME_EXPIRED', cause: { code: 'CONNECTION_LOST' } });
    expect((await failed)[0]).toMatchObject({ code: 'RESUME_EXPIRED' });
    await until(() => own.every(({ closed }) => closed), 'the streams to close');
    const [ofTunnel, ...ofStreams] = told;
    expect(ofTunnel).toEqual([
      'suspend CONNECTION_LOST suspended',
      'error RESUME_EXPIRED closed',
      'close RESUME_EXPIRED closed',
    ]);
    for (const events of ofStreams)
      expect(events).toEqual([
        'suspend CONNECTION_LOST suspended',
        'error RESUME_EXPIRED suspended',
        'close suspended',
      ]);
    expect(ofListener).toEqual(['RESUME_EXPIRED', 'close']);
    for (const tunnel of fixture.tunnels) tunnel.close();
    // Reserved for one that does not come back.
    await fixture.relay.close();
  });

  it('with resumeWindowMs 0 is the end, at once, and nothing is dialed again', async () => {
    const { fixture, proxy } = await startProxied();
    const client = fixture.dial({ resumeWindowMs: 0 }, proxy.url);
    const { client: stream, server } = await fixture.pair('NAME', { client });
    const told = [client, stream, server].map(record);
    proxy.cut();
    expect(await client.closed).toMatchObject({ code: 'CONNECTION_LOST' });
    await until(() => server.closed && stream.closed, 'both ends to close');
    expect(told).toEqual([
      ['error CONNECTION_LOST closed', 'close CONNECTION_LOST closed'],
      ['error CONNECTION_LOST attached', 'close attached'],
      ['error CONNECTION_LOST attached', 'close attached'],
    ]);
    expect(proxy.counters.accepted).toBe(1);
  });

  it('ends a stream that asked not to outlive it, and only that', async () => {
    const { fixture, proxy } = await startProxied();
    const client = fixture.dial({}, proxy.url);
    const listener = await fixture.listen('NAME', (stream) => stream.on('error', () => {}).pipe(stream));
    const mortal = StreamClient(client).connect('NAME', { resume: false });
    const stream = StreamClient(client).connect('NAME');
    await Promise.all([mortal.opened, stream.opened]);
    const failed = once(mortal, 'error');
    proxy.cut();
    expect((await failed)[0]).toMatchObject({ code: 'CONNECTION_LOST' });
    await echoes(stream, 'still here');
    await endBoth(stream);
    await listener.close();
  });

  it('while suspended, close() ends it all, and nothing is dialed any more', async () => {
    const { fixture, proxy } = await startProxied();
    const client = fixture.dial({}, proxy.url);
    const { client: stream, server } = await fixture.pair('NAME', { client });
    server.on('error', () => {});
    proxy.refuse();
    proxy.cut();
    await once(client, 'suspend');
    const failed = once(stream, 'error');
    client.close('enough');
    expect(await client.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'enough' });
    expect((await failed)[0]).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'enough' });
    // Nobody can tell the other end: it would wait for its window.
    await until(() => server.suspended, 'the other end to wait');
    server.destroy();
    fixture.tunnels[1]!.close();
  });
});

/** Time does not pass for what waits. */
class StoppedClock implements Clock {
  now = systemClock.now;
  defer = systemClock.defer;
  yieldTurn = systemClock.yieldTurn;
  setTimer = () => () => {};
}

describe('waking up', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('dials at once what would wait for its time, and nothing while the tunnel is open', async () => {
    const page = new EventTarget();
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
    const { fixture, proxy } = await startProxied();
    const tunnel = new DialedTunnel([() => dialConnection(proxy.url, {})], {}, new StoppedClock());
    fixture.tunnels.push(tunnel);
    await tunnel.opened;
    page.dispatchEvent(new Event('online'));
    const suspended = once(tunnel, 'suspend');
    proxy.cut();
    await suspended;
    expect(proxy.counters.accepted).toBe(1);
    const resumed = once(tunnel, 'resume');
    page.dispatchEvent(new Event('online'));
    await resumed;
    expect(proxy.counters.accepted).toBe(2);
    // While there is a page to listen to.
    tunnel.close();
    await tunnel.closed;
  });
});

describe('a process that exits', () => {
  const PROGRAM = `
    const { connectTunnel, StreamClient, StreamServer } = await import(process.env.SDK);
    const tunnel = connectTunnel(process.env.RELAY_URL);
    await StreamServer(tunnel, (stream) => stream.pipe(stream)).listen('CHILD').ready;
    await StreamClient(tunnel).connect('PARENT').opened;
    process.stdin.once('data', () => process.exit(7));
    console.log('ready');
  `;

  function startChild(fixture: RelayFixture): ChildProcess {
    const args = ['--import', 'tsx', '--input-type=module', '--eval', PROGRAM];
    const SDK = new URL('../../src/index.ts', import.meta.url).href;
    return spawn(process.execPath, args, {
      env: { ...process.env, SDK, RELAY_URL: fixture.url },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  }

  it('says goodbye: its clients get LISTENER_GONE and its listeners TUNNEL_CLOSED, and its name is free', async () => {
    const fixture = await startRelay();
    const accepted: TunnelStream[] = [];
    await fixture.listen('PARENT', (stream) => accepted.push(stream));
    const child = startChild(fixture);
    const exited = once(child, 'exit');
    await once(child.stdout!, 'data');
    const stream = StreamClient(fixture.dial()).connect('CHILD');
    await echoes(stream, 'hello');
    const failed = Promise.all([stream, accepted[0]!].map((one) => once(one, 'error')));
    child.stdin!.write('exit');
    expect(await exited).toEqual([7, null]);
    // Long before anybody would have given up waiting for it.
    expect(await failed).toMatchObject([[{ code: 'LISTENER_GONE' }], [{ code: 'TUNNEL_CLOSED' }]]);
    expect(fixture.relay.servers()).toEqual(['PARENT']);
    expect(fixture.relay.stats().names.reserved).toBe(0);
  });
});

describe('several addresses', () => {
  async function deadUrl(): Promise<string> {
    const server = createServer();
    const port = await listenOnFreePort(server);
    await new Promise((resolve) => server.close(resolve));
    return `ws://127.0.0.1:${port}/trunkline`;
  }

  function dial(fixture: RelayFixture, urls: string[]): Tunnel {
    const tunnel = connectTunnel(urls);
    fixture.tunnels.push(tunnel);
    return tunnel;
  }

  it('the first of which is refused: the next one is dialed, and what was opened meanwhile opens there', async () => {
    const fixture = await startRelay();
    await fixture.listen('NAME', (stream) => stream.pipe(stream));
    const tunnel = dial(fixture, [await deadUrl(), fixture.url]);
    const told = record(tunnel);
    const stream = StreamClient(tunnel).connect('NAME', { waitMs: 60_000 });
    await echoes(stream, 'hello');
    expect(told).toEqual(['open open']);
    await endBoth(stream);
  });

  it('all of which are refused: CONNECTION_LOST after one dial each', async () => {
    const tunnel = connectTunnel([await deadUrl(), await deadUrl()]);
    const told = record(tunnel);
    const stream = StreamClient(tunnel).connect('NAME');
    await expect(stream.opened).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await expect(tunnel.opened).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(told).toEqual(['error CONNECTION_LOST closed', 'close CONNECTION_LOST closed']);
  });

  it('one of which is lost later: names and streams go on at the other', async () => {
    const [first, second] = [await startRelay(), await startRelay()];
    const urls = [first.url, second.url];
    const [client, server] = [dial(second, urls), dial(second, urls)];
    await second.listen('NAME', (stream) => stream.pipe(stream), {}, server);
    const stream = StreamClient(client).connect('NAME');
    await echoes(stream, 'at the first');
    expect(first.relay.servers()).toEqual(['NAME']);
    const told = record(stream);
    await first.destroy();
    await echoes(stream, 'at the second');
    expect(told).toEqual(['suspend GOING_AWAY suspended', 'resume attached']);
    await until(() => second.relay.servers().length === 1, 'the name at the second');
    const another = StreamClient(client).connect('NAME', { waitMs: 60_000 });
    await echoes(another, 'a new one');
    await endBoth(stream, another);
  });

  it.each([
    { who: 'the client', clientOptions: { resume: false }, serverOptions: {} },
    { who: 'the listener', clientOptions: {}, serverOptions: { resume: false } },
  ])('one of which drains: a stream that $who does not want carried on stays until it has ended', async (options) => {
    const [first, second] = [await startRelay(), await startRelay()];
    const urls = [first.url, second.url];
    const [client, server] = [dial(second, urls), dial(second, urls)];
    await second.listen('NAME', (stream) => stream.pipe(stream), options.serverOptions, server);
    const mortal = StreamClient(client).connect('NAME', options.clientOptions);
    await echoes(mortal, 'at the first');
    const moved = Promise.all([client, server].map((tunnel) => once(tunnel, 'resume')));
    const drained = first.relay.drain({ graceMs: 4_000 });
    await moved;
    await until(() => second.relay.servers().length === 1, 'the name at the second');
    await echoes(mortal, 'still at the first');
    const stream = StreamClient(client).connect('NAME', { ...options.clientOptions, waitMs: 60_000 });
    await echoes(stream, 'at the second');
    await endBoth(mortal);
    await drained;
    // Nothing had to be cut off there.
    expect(first.relay.stats().splices).toEqual({ opened: 1, closed: 1, active: 0, detached: 0 });
    await endBoth(stream);
  });

  it('none of which is given is a TypeError', () => {
    expect(() => connectTunnel([])).toThrowError(TypeError);
  });
});
