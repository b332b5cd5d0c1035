import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import {
  connectTunnel,
  StreamClient,
  StreamListener,
  StreamServer,
  Tunnel,
  type TunnelStream,
} from '../../src/index.js';
import { DialedTunnel } from '../../src/runtime/dialed-tunnel.js';
import { toWebSocketUrl } from '../../src/sdk/connect-tunnel.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, RawPeer, Type } from '../support/raw-peer.js';
import { startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

describe('URLs', () => {
  it.each([
    ['ws://a/b', 'ws://a/b'],
    ['wss://a/b?c=d', 'wss://a/b?c=d'],
    ['http://a:8080/trunkline', 'ws://a:8080/trunkline'],
    ['https://a/trunkline#name', 'wss://a/trunkline'],
    ['HTTPS://A', 'wss://a/'],
  ])('%s dials %s', (url, expected) => {
    expect(toWebSocketUrl(url)).toBe(expected);
    expect(toWebSocketUrl(new URL(url))).toBe(expected);
  });

  it('are relative to the page where there is one', () => {
    expect(toWebSocketUrl('/trunkline', 'https://host/demo/?x#y')).toBe('wss://host/trunkline');
    expect(toWebSocketUrl('relay', 'http://host/demo/')).toBe('ws://host/demo/relay');
  });

  it.each(['', '/trunkline', 'host:80/x', 'ftp://host/', 'javascript:alert(1)', null, 7])(
    '%j is a TypeError',
    (url) => {
      expect(() => connectTunnel(url as string)).toThrowError(TypeError);
    },
  );

  it('open a tunnel by http and ws, and as a URL object', async () => {
    const fixture = await startRelay();
    for (const url of [fixture.url, fixture.url.replace('ws:', 'http:')]) await fixture.dial({}, url).opened;
    const tunnel = connectTunnel(new URL(fixture.url));
    fixture.tunnels.push(tunnel);
    await tunnel.opened;
    expect(tunnel).toBeInstanceOf(Tunnel);
    expect(tunnel).toBeInstanceOf(EventEmitter);
  });
});

describe('no relay there', () => {
  async function deadPort(): Promise<string> {
    const server = createServer();
    const port = await listenOnFreePort(server);
    await new Promise((resolve) => server.close(resolve));
    return `ws://127.0.0.1:${port}/trunkline`;
  }

  it('is CONNECTION_LOST everywhere somebody looks', async () => {
    const tunnel = connectTunnel(await deadPort());
    const events: string[] = [];
    tunnel.on('open', () => events.push('open'));
    tunnel.on('error', (error) => events.push(`error ${(error as { code: string }).code}`));
    tunnel.on('close', (reason) => events.push(`close ${(reason as { code: string }).code}`));
    const listener = StreamServer(tunnel, () => {}).listen('NAME');
    const stream = StreamClient(tunnel).connect('NAME');
    const [error] = (await once(stream, 'error')) as [Error];
    expect(error).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
    expect((error.cause as { code: string }).code).toBe('ECONNREFUSED');
    await expect(tunnel.opened).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await expect(listener.ready).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(await tunnel.closed).toMatchObject({ code: 'CONNECTION_LOST' });
    expect(events).toEqual(['error CONNECTION_LOST', 'close CONNECTION_LOST']);
    const late = StreamClient(tunnel).connect('NAME');
    await expect(late.opened).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await listener.close();
  });

  it('a server that is no relay', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => false });
    await once(server, 'listening');
    const tunnel = connectTunnel(`ws://127.0.0.1:${(server.address() as { port: number }).port}`);
    expect(await tunnel.closed).toMatchObject({ code: 'CONNECTION_LOST' });
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  });

  it('a server that accepts and never answers: HANDSHAKE_TIMEOUT', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).resume());
    const sockets: import('node:net').Socket[] = [];
    server.on('connection', (socket) => sockets.push(socket));
    const port = await listenOnFreePort(server);
    const tunnel = connectTunnel(`ws://127.0.0.1:${port}`, { handshakeTimeoutMs: 50 });
    expect(await tunnel.closed).toMatchObject({ code: 'HANDSHAKE_TIMEOUT' });
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('close', () => {
  it('while dialing: TUNNEL_CLOSED, and no error event', async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    const stream = StreamClient(tunnel).connect('NAME');
    const opened = expect(stream.opened).rejects.toMatchObject({ code: 'TUNNEL_CLOSED' });
    const errors: unknown[] = [];
    tunnel.on('error', (error) => errors.push(error));
    tunnel.close('never mind');
    expect(await tunnel.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'never mind' });
    await expect(tunnel.opened).rejects.toMatchObject({ code: 'TUNNEL_CLOSED' });
    await opened;
    expect(errors).toEqual([]);
  });

  it('twice, and streams after it: TUNNEL_CLOSED with the first reason', async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    await tunnel.opened;
    tunnel.close('first');
    tunnel.close('second');
    expect(await tunnel.closed).toMatchObject({ message: 'first' });
    const [error] = (await once(StreamClient(tunnel).connect('NAME'), 'error')) as [Error];
    expect(error).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'first' });
    await expect(StreamServer(tunnel, () => {}).listen('NAME').ready).rejects.toMatchObject({ code: 'TUNNEL_CLOSED' });
  });
});

describe('options', () => {
  it('WebSocket: another class, with the subprotocol', async () => {
    const fixture = await startRelay();
    const calls: unknown[][] = [];
    class Custom extends WebSocket {
      constructor(url: string, protocols: string[], options?: object) {
        super(url, protocols, options);
        calls.push([url, protocols]);
      }
    }
    const tunnel = fixture.dial({ WebSocket: Custom as never });
    await tunnel.opened;
    expect(calls).toEqual([[fixture.url, ['trunkline.1']]]);
  });

  it('ws: its options reach the upgrade request', async () => {
    const fixture = await startRelay({ origins: ['https://page.example'] });
    const upgraded = once(fixture.server, 'upgrade') as Promise<[import('node:http').IncomingMessage]>;
    const tunnel = fixture.dial({ ws: { headers: { 'X-Custom': 'yes' }, origin: 'https://page.example' } });
    const [{ headers }] = await upgraded;
    expect(headers).toMatchObject({ 'x-custom': 'yes', origin: 'https://page.example' });
    expect(headers['sec-websocket-extensions']).toBeUndefined();
    await tunnel.opened;
  });

  it('token: travels in HELLO and not in the URL; limits are announced beside it', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'trunkline.1' });
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[WebSocket, import('node:http').IncomingMessage]>;
    const url = `ws://127.0.0.1:${(server.address() as { port: number }).port}/x`;
    const tunnel = connectTunnel(url, { token: 'secret', limits: { maxStreams: 77 } });
    const [socket, incoming] = await accepted;
    const [message] = (await once(socket, 'message')) as [Buffer];
    expect(message.readUInt8(4)).toBe(Type.HELLO);
    const hello = JSON.parse(message.subarray(8).toString()) as object;
    expect(hello).toMatchObject({ version: 1, token: 'secret', limits: { maxStreams: 77 } });
    expect(incoming.url).toBe('/x');
    socket.send(frame(0, Type.GOAWAY, { code: 'UNAUTHENTICATED', reason: 'no such token' }));
    expect(await tunnel.closed).toMatchObject({ code: 'UNAUTHENTICATED', message: 'no such token', retryable: false });
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([
    { windowBytes: 1 },
    { windowBytes: 1e6, maxWindowBytes: 1e5 },
    { maxWindowBytes: 128 * 1024 * 1024 + 1 },
    { windowBytes: 128 * 1024 * 1024 + 1 },
    { limits: { maxStreams: -1 } },
    { resumeWindowMs: -1 },
    { resumeWindowMs: 0.5 },
    { resumeWindowMs: '5' as unknown as number },
  ])('%j is a RangeError', (options) => {
    const dial = () => {
      throw new Error('dialed in spite of an option that makes no sense');
    };
    expect(() => new DialedTunnel([dial], options)).toThrowError(RangeError);
  });
});

describe('calls', () => {
  it('StreamServer and StreamClient work with and without new', async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    const seen: string[] = [];
    const servers = [
      new StreamServer(tunnel, (stream) => void stream.end('A')),
      StreamServer(tunnel, (stream) => void stream.end('B')),
      new StreamServer(tunnel, {}, (stream) => void stream.end('C')),
      StreamServer(tunnel, {}),
    ];
    for (const [index, server] of servers.entries()) {
      expect(server).toBeInstanceOf(StreamServer);
      fixture.listeners.push(server.listen(`S${index}`));
    }
    fixture.listeners[3]!.on('connection', (stream) => stream.end('D'));
    await Promise.all(fixture.listeners.map((listener) => listener.ready));
    for (const client of [new StreamClient(tunnel), StreamClient(tunnel)]) {
      expect(client).toBeInstanceOf(StreamClient);
      for (let index = 0; index < 4; index++) {
        const stream = client.connect(`S${index}`);
        stream.end();
        const [answer] = (await once(stream, 'data')) as [Buffer];
        seen.push(answer.toString());
        await finished(stream.resume());
      }
    }
    expect(seen.join('')).toBe('ABCDABCD');
  });

  it('a listener tells its life by events and promises, and disposes itself', async () => {
    const fixture = await startRelay();
    const events: string[] = [];
    const listener = StreamServer(fixture.dial(), (stream) => stream.end()).listen('NAME');
    for (const event of ['listening', 'connection', 'close'] as const) {
      listener.on(event as 'close', () => events.push(event));
    }
    expect(listener).toBeInstanceOf(StreamListener);
    expect(listener.name).toBe('NAME');
    await listener.ready;
    const stream = StreamClient(fixture.dial()).connect('NAME');
    stream.end();
    await finished(stream.resume());
    await listener[Symbol.asyncDispose]();
    expect(fixture.relay.servers()).toEqual([]);
    expect(events).toEqual(['listening', 'connection', 'close']);
    await listener.close();
    listener.end();
  });

  it('a listener that is closed before it was ready rejects ready and holds nothing', async () => {
    const fixture = await startRelay();
    const listener = StreamServer(fixture.dial(), () => {}).listen('NAME');
    const ready = listener.ready.then(
      () => 'was ready',
      (error: { code: string }) => error.code,
    );
    await listener.close();
    expect(['was ready', 'CANCELED']).toContain(await ready);
    expect(fixture.relay.servers()).toEqual([]);
  });

  it.each(['', 'a b', '-a', 'ü', 'x'.repeat(129), null, 7, undefined])(
    'the name %j is BAD_NAME at the call',
    async (name) => {
      const fixture = await startRelay();
      const tunnel = fixture.dial();
      const badName = expect.objectContaining({ code: 'BAD_NAME' });
      expect(() => StreamClient(tunnel).connect(name as string)).toThrowError(badName);
      expect(() => StreamServer(tunnel, () => {}).listen(name as string)).toThrowError(badName);
      expect(() => fixture.relay.connect(name as string)).toThrowError(badName);
    },
  );

  it('a meta that cannot travel fails at the call; undefined is none', async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    const client = StreamClient(tunnel);
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    for (const meta of [cyclic, 10n, () => {}, Symbol('no')]) {
      expect(() => client.connect('NAME', { meta })).toThrowError(TypeError);
      expect(() => StreamServer(tunnel, { meta }, () => {}).listen('NAME')).toThrowError(TypeError);
      expect(() => tunnel.createStream({ meta })).toThrowError(TypeError);
    }
    const tooLarge = expect.objectContaining({ code: 'LIMIT_BYTES' });
    expect(() => client.connect('NAME', { meta: 'ü'.repeat(4096) })).toThrowError(tooLarge);
    expect(() => StreamServer(tunnel, { meta: 'x'.repeat(8191) }, () => {}).listen('N')).toThrowError(tooLarge);
    const metas: unknown[] = [];
    await fixture.listen('NAME', (stream) => {
      metas.push(stream.meta);
      stream.end();
    });
    for (const meta of [undefined, 'x'.repeat(8190), { kept: 1, dropped: undefined }]) {
      const stream = client.connect('NAME', { meta });
      stream.end();
      await finished(stream.resume());
    }
    expect(metas).toEqual([null, 'x'.repeat(8190), { kept: 1 }]);
  });

  it.each(['', 'x'.repeat(129), null, 7, {}])('an owner of %j is a TypeError, and no name is taken', async (owner) => {
    const fixture = await startRelay();
    const server = StreamServer(fixture.dial(), { owner: owner as string }, () => {});
    expect(() => server.listen('NAME')).toThrowError(TypeError);
    await fixture.listen('NAME', () => {}, { owner: 'x'.repeat(128) });
    expect(fixture.relay.stats().names.created).toBe(1);
  });

  it('the same owner takes the name over: the older listener is SUPERSEDED, other owners get NAME_TAKEN', async () => {
    const fixture = await startRelay();
    const older = await fixture.listen('NAME', (stream) => stream.end('older'), { owner: 'me' });
    const failed = once(older, 'error');
    await fixture.listen('NAME', (stream) => stream.end('newer'), { owner: 'me' });
    expect((await failed)[0]).toMatchObject({ code: 'SUPERSEDED' });
    for (const owner of ['you', undefined]) {
      const rival = StreamServer(fixture.dial(), { owner }, () => {}).listen('NAME');
      await expect(rival.ready).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    }
    const stream = StreamClient(fixture.dial()).connect('NAME');
    expect(String((await once(stream, 'data'))[0])).toBe('newer');
    await finished(stream.end());
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '5'])('waitMs %s is a RangeError', async (waitMs) => {
    const fixture = await startRelay();
    expect(() => StreamClient(fixture.dial()).connect('X', { waitMs: waitMs as number })).toThrowError(RangeError);
  });

  it('a plain stream to a relay is FORBIDDEN', async () => {
    const fixture = await startRelay();
    const [error] = (await once(fixture.dial().createStream(), 'error')) as [Error];
    expect(error).toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('a connect right after connectTunnel', () => {
  it('needs no waiting for open: early bytes arrive, and in order', async () => {
    const fixture = await startRelay();
    await fixture.listen('NAME', (stream) => stream.pipe(stream));
    const stream = StreamClient(fixture.dial()).connect('NAME');
    for (const word of ['one ', 'two ', 'three']) stream.write(word);
    stream.end();
    let text = '';
    for await (const chunk of stream) text += (chunk as Buffer).toString();
    expect(text).toBe('one two three');
  });

  it('by the hundred on one tunnel', async () => {
    const fixture = await startRelay();
    await fixture.listen('NAME', (stream) => stream.pipe(stream));
    const client = StreamClient(fixture.dial());
    const streams: TunnelStream[] = Array.from({ length: 200 }, () => client.connect('NAME'));
    await Promise.all(
      streams.map(async (stream, index) => {
        stream.end(`number ${index}`);
        const [answer] = (await once(stream, 'data')) as [Buffer];
        expect(answer.toString()).toBe(`number ${index}`);
        await finished(stream.resume());
      }),
    );
    await until(() => fixture.relay.stats().splices.active === 0, 'the splices to close');
  });

  it('keeps its tunnel when it gives up 2,000 at once, before there is a connection', async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    const client = StreamClient(tunnel);
    for (let count = 0; count < 2000; count++)
      client
        .connect('NAME')
        .on('error', () => {})
        .destroy();
    await tunnel.opened;
    const peer = await RawPeer.ready(fixture.url);
    await peer.close();
    expect(fixture.relay.stats().tunnels.active).toBe(1);
  });
});
