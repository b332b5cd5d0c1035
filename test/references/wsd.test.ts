// wsd (a fork of ws): the options, events and calls of a WebSocket server and client that people rely on, at a tunnel.
// More of its options: wsd-options.test.ts.
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions as TlsServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { ConnectTunnelOptions, Tunnel, TunnelStream } from '../../src/index.js';
import { TunnelServer, type TunnelServerOptions } from '../../src/sdk-node/index.js';
import {
  cleanups,
  dial,
  echoOf,
  echoStreams,
  endTunnelsAfterEach,
  networkTo,
  portOf,
  serve,
  track,
  tunnelPair,
  works,
} from '../sdk-node/tunnel-fixture.js';
import { FOR_ADDRESS, FOR_LOCALHOST } from '../support/certificates.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { RawPeer } from '../support/raw-peer.js';
import { readSeeded, writeSeeded } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { PFX } from './pfx.js';

checkLeaksAfterEach();
endTunnelsAfterEach();

const MIB = 1024 * 1024;

/** An HTTP server of the test's own. */
async function http(server: Server = createServer((_request, response) => response.end('http'))): Promise<string> {
  const port = await listenOnFreePort(server);
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `ws://127.0.0.1:${port}`;
}

/** A tunnel through such a server. */
async function pairAt(url: string, server: TunnelServer, options?: ConnectTunnelOptions) {
  return tunnelPair({ ...track(server), url }, options);
}

describe('new Server(options, callback)', () => {
  it('port and host, and the callback once it listens', async () => {
    const { server } = await new Promise<{ server: TunnelServer }>((resolve) => {
      const tracked = track(new TunnelServer({ port: 0, host: '127.0.0.1' }, () => resolve(tracked)));
    });
    expect(server.address()).toMatchObject({ address: '127.0.0.1', family: 'IPv4' });
    const tunnel = dial(`ws://127.0.0.1:${portOf(server)}`);
    await tunnel.opened;
    expect([...server.tunnels.keys()]).toEqual([tunnel.id]);
  });

  it('server: an HTTP server that has other things to do', async () => {
    const server = createServer((_request, response) => response.end('http'));
    const url = await http(server);
    await works(await pairAt(url, new TunnelServer({ server })));
    const response = await fetch(url.replace('ws:', 'http:'), { headers: { Connection: 'close' } });
    expect(await response.text()).toBe('http');
  });

  it('noServer: requests are handed in by handleUpgrade(request, socket, upgradeHead, callback)', async () => {
    const server = createServer();
    const url = await http(server);
    const tunnelServer = new TunnelServer({ noServer: true });
    const called: unknown[] = [];
    server.on('upgrade', (request, socket: Socket, head) =>
      tunnelServer.handleUpgrade(request, socket, head, (webSocket, itsRequest) => {
        called.push(webSocket.protocol, itsRequest === request);
      }),
    );
    await works(await pairAt(url, tunnelServer));
    expect(called).toEqual(['trunkline.1', true]);
  });

  it('path: only its upgrades are taken', async () => {
    const { url } = await serve({ path: '/tunnel' });
    await dial(`${url}/tunnel?with=query`).opened;
    await expect(dial(`${url}/elsewhere`).opened).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('path: several servers on one HTTP server', async () => {
    const server = createServer();
    const url = await http(server);
    const byPath = ['/a', '/b'].map((path) => new TunnelServer({ noServer: true, path }));
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) =>
      byPath.find((each) => each.shouldHandle(request))?.handleUpgrade(request, socket, head),
    );
    for (const [index, path] of ['/a', '/b'].entries())
      await works(await pairAt(`${url}${path}`, byPath[index] as TunnelServer));
  });

  it('clientTracking: clients has their WebSockets, or is not there', async () => {
    const tracking = await serve();
    await tunnelPair(tracking);
    expect([...tracking.server.clients].map(({ protocol }) => protocol)).toEqual(['trunkline.1']);
    const other = await serve({ clientTracking: false });
    await tunnelPair(other);
    expect(other.server.clients).toBeUndefined();
  });

  it('maxPayload: a message past it ends the connection that sent it, and no tunnel sends one', async () => {
    const served = await serve({ maxPayload: 32 * 1024 });
    const { here, there } = await tunnelPair(served);
    echoStreams(there);
    const stream = here.createStream();
    const [echo] = await Promise.all([readSeeded(stream, 1), writeSeeded(stream, 1, MIB)]);
    expect(echo.bytes).toBe(MIB);
    const peer = await RawPeer.dial(served.url);
    peer.socket.send(Buffer.alloc(32 * 1024 + 1));
    expect(await peer.closed).toMatchObject({ code: 1009 });
  });
});

describe('options.verifyClient', () => {
  const good = { ws: { headers: { Authorization: 'good' }, origin: 'https://good.example' } };

  it('with one argument: origin, req and secure; what it returns decides', async () => {
    const asked: unknown[] = [];
    const served = await serve({
      verifyClient: ({ origin, req, secure }: { origin: string; req: IncomingMessage; secure: boolean }) => {
        asked.push([origin, req.headers.authorization, secure]);
        return req.headers.authorization === 'good';
      },
    });
    await works(await tunnelPair(served, good));
    const refused = dial(served.url);
    await expect(refused.opened).rejects.toMatchObject({ code: 'UNAUTHENTICATED', retryable: false });
    expect(asked).toEqual([
      ['https://good.example', 'good', false],
      [undefined, undefined, false],
    ]);
    expect(served.accepted.length).toBe(1);
  });

  it.each([
    [401, 'Who are you', 'UNAUTHENTICATED'],
    [403, 'Not you', 'FORBIDDEN'],
    [404, 'Not here', 'CONNECTION_LOST'],
    [503, 'Not now', 'CONNECTION_LOST'],
  ])('with two: the callback gets false, %i and the name %j: the dialer gets %s', async (status, name, code) => {
    const served = await serve({
      verifyClient: ({ req }, callback) => {
        const isGood = req.headers.authorization === 'good';
        setImmediate(() => (isGood ? callback(true) : callback(false, status, name, { 'X-Reason': 'test' })));
      },
    });
    await works(await tunnelPair(served, good));
    for (const ws of [{}, { perMessageDeflate: true }])
      await expect(dial(served.url, { ws }).opened).rejects.toMatchObject({
        code,
        message: expect.stringContaining(String(status)),
      });
  });
});

describe('options.handleProtocols', () => {
  it('picks what the tunnel speaks, next to trunkline.1', async () => {
    const asked: string[][] = [];
    const served = await serve({
      handleProtocols: (protocols, request) => {
        asked.push([...protocols, String(request.url)]);
        return protocols.has('chat.v1') && 'chat.v1';
      },
    });
    const { here, there } = await tunnelPair(served, { protocols: ['chat.v2', 'chat.v1'] });
    expect([here.protocol, there.protocol]).toEqual(['chat.v1', 'chat.v1']);
    const other = await tunnelPair(served, { protocols: ['mail'] });
    expect([other.here.protocol, other.there.protocol]).toEqual([undefined, undefined]);
    const none = await tunnelPair(served);
    expect(none.here.protocol).toBeUndefined();
    expect(asked).toEqual([
      ['chat.v2', 'chat.v1', '/'],
      ['mail', '/'],
    ]);
  });

  it('a WebSocket that is no tunnel is the application’s if it picks one of its protocols', async () => {
    const { url, server } = await serve({ handleProtocols: (protocols) => protocols.has('chat') && 'chat' });
    server.on('connection', (webSocket: WebSocket) => {
      if (webSocket.protocol === 'chat') webSocket.on('message', (text) => webSocket.send(`${text}!`));
    });
    const chat = new WebSocket(url, ['chat']);
    await once(chat, 'open');
    chat.send('hello');
    expect(String((await once(chat, 'message'))[0])).toBe('hello!');
    chat.close();
    await once(chat, 'close');
    const stranger = new WebSocket(url, ['mail']);
    expect(((await once(stranger, 'error'))[0] as Error).message).toBe('Unexpected server response: 400');
  });
});

describe('options.perMessageDeflate', () => {
  it.each([
    [true, true, 'permessage-deflate'],
    [true, false, ''],
    [false, true, ''],
    [undefined, undefined, ''],
    [{ serverNoContextTakeover: true, serverMaxWindowBits: 10 }, { clientMaxWindowBits: 10 }, 'permessage-deflate'],
  ])('%j at the server, %j at the client: used is "%s"', async (ofServer, ofClient, used) => {
    const options = ofServer === undefined ? {} : { perMessageDeflate: ofServer };
    const served = await serve({ ...options } as TunnelServerOptions);
    const proxy = await networkTo(served.url);
    const ws = ofClient === undefined ? {} : { perMessageDeflate: ofClient };
    const pair = await tunnelPair(served, { ws }, proxy.url);
    expect([...served.server.clients][0]!.extensions.split(';')[0]).toBe(used);
    pair.there.on('stream', (stream: TunnelStream) => stream.resume().end());
    const stream = pair.here.createStream();
    stream.end(Buffer.alloc(MIB, 'the same again and again '));
    await once(stream.resume(), 'close');
    const { toRelayBytes } = proxy.counters;
    expect(used === '' ? toRelayBytes > MIB : toRelayBytes < MIB / 10).toBe(true);
  });
});

describe('server events', () => {
  it('listening, headers, connection, close', async () => {
    const events: unknown[] = [];
    const { server } = track(new TunnelServer({ port: 0, host: '127.0.0.1' }));
    server.on('listening', () => events.push('listening'));
    server.on('headers', (headers: string[], request: IncomingMessage) => {
      headers.push('X-From: the headers event');
      events.push(`headers ${request.url}`);
    });
    server.on('connection', (webSocket: WebSocket, request: IncomingMessage) => {
      events.push(`connection ${webSocket.protocol} ${request.url}`);
    });
    server.on('close', () => events.push('close'));
    await once(server, 'listening');
    const peer = new WebSocket(`ws://127.0.0.1:${portOf(server)}/here`, 'trunkline.1');
    const [response] = (await once(peer, 'upgrade')) as [IncomingMessage];
    expect(response.headers['x-from']).toBe('the headers event');
    peer.terminate();
    await server.close();
    expect(events).toEqual(['listening', 'headers /here', 'connection trunkline.1 /here', 'close']);
  });

  it('error: of the server beneath', async () => {
    const { server } = await serve();
    const second = new TunnelServer({ port: portOf(server), host: '127.0.0.1' });
    expect((await once(second, 'error'))[0]).toMatchObject({ code: 'EADDRINUSE' });
    await second.close();
  });
});

describe('new WebSocket(address, options)', () => {
  it('headers, host, origin and protocolVersion are shown to the server', async () => {
    const requests: IncomingMessage[] = [];
    const served = await serve();
    served.server.on('tunnel.open', (_tunnel, request) => requests.push(request as IncomingMessage));
    const headers = { Cookie: 'id=7', 'X-Any': 'thing', Host: 'virtual.example' };
    await works(await tunnelPair(served, { ws: { headers, origin: 'https://page.example' } }, `${served.url}/?room=7`));
    await works(await tunnelPair(served, { ws: { protocolVersion: 8, perMessageDeflate: true } }));
    expect(requests.map(({ url }) => url)).toEqual(['/?room=7', '/']);
    expect(requests[0]!.headers).toMatchObject({
      cookie: 'id=7',
      host: 'virtual.example',
      origin: 'https://page.example',
      'x-any': 'thing',
    });
    expect(requests.map((request) => request.headers['sec-websocket-version'])).toEqual(['13', '8']);
  });

  it('agent: its sockets are used', async () => {
    const served = await serve();
    const agent = new Agent();
    let made = 0;
    const make = (agent as unknown as { createConnection(...args: unknown[]): Socket }).createConnection;
    Object.assign(agent, {
      createConnection(...args: unknown[]) {
        made++;
        return make.apply(this, args);
      },
    });
    await works(await tunnelPair(served, { ws: { agent } }));
    expect(made).toBe(1);
  });

  async function https(options: TlsServerOptions): Promise<string> {
    const server = createHttpsServer(options);
    const url = await http(server as unknown as Server);
    const { accepted } = track(new TunnelServer({ server }));
    cleanups.push(() => accepted.length);
    return url.replace('ws:', 'wss:');
  }

  it('ca, rejectUnauthorized: the certificate of the server is checked, unless told otherwise', async () => {
    const url = await https(FOR_ADDRESS);
    await dial(url, { ws: { ca: FOR_ADDRESS.cert } }).opened;
    await dial(url, { ws: { rejectUnauthorized: false } }).opened;
    await expect(dial(url).opened).rejects.toMatchObject({ code: 'CONNECTION_LOST', cause: expect.any(Error) });
    await expect(dial(url, { ws: { ca: FOR_LOCALHOST.cert } }).opened).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
    });
  });

  it('key and cert, passphrase, pfx, ciphers: the server asks who dials', async () => {
    const url = await https({ ...FOR_ADDRESS, requestCert: true, ca: FOR_LOCALHOST.cert });
    const encrypted = createPrivateKey(FOR_LOCALHOST.key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'secret',
    });
    const identities = [
      FOR_LOCALHOST,
      { cert: FOR_LOCALHOST.cert, key: encrypted, passphrase: 'secret' },
      { pfx: Buffer.from(PFX, 'base64'), passphrase: 'secret', ciphers: 'TLS_AES_256_GCM_SHA384' },
    ];
    for (const identity of identities) await dial(url, { ws: { ca: FOR_ADDRESS.cert, ...identity } }).opened;
    await expect(dial(url, { ws: { ca: FOR_ADDRESS.cert } }).opened).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
    });
  });
});

describe('websocket', () => {
  it('bytesReceived, and bytesSent, across connections', async () => {
    const served = await serve();
    const proxy = await networkTo(served.url);
    const { here, there } = await tunnelPair(served, {}, proxy.url);
    echoStreams(there);
    const transfer = async () => {
      const stream = here.createStream();
      await Promise.all([readSeeded(stream, 1), writeSeeded(stream, 1, MIB)]);
    };
    await transfer();
    const resumed = once(here, 'resume');
    proxy.cut();
    await resumed;
    await transfer();
    for (const tunnel of [here, there]) {
      for (const bytes of [tunnel.bytesReceived, tunnel.bytesSent]) {
        expect(bytes).toBeGreaterThan(2 * MIB);
        expect(bytes).toBeLessThan(2.2 * MIB);
      }
    }
  });

  it('readyState is state', async () => {
    const served = await serve();
    const proxy = await networkTo(served.url);
    const tunnel = dial(proxy.url);
    const states: string[] = [tunnel.state];
    await tunnel.opened;
    states.push(tunnel.state);
    proxy.refuse();
    proxy.cut();
    await once(tunnel, 'suspend');
    states.push(tunnel.state);
    tunnel.close();
    states.push(tunnel.state);
    expect(states).toEqual(['connecting', 'open', 'suspended', 'closed']);
    // The server is not told, and need not wait.
    served.accepted[0]!.close();
  });

  it('upgradeReq is the second argument of tunnel.open', async () => {
    const served = await serve();
    const opened = once(served.server, 'tunnel.open') as Promise<[Tunnel, IncomingMessage]>;
    dial(`${served.url}/rooms/7`, { ws: { headers: { Cookie: 'who=me' } } });
    const [, request] = await opened;
    expect([request.url, request.headers.cookie, request.socket.remoteAddress]).toEqual([
      '/rooms/7',
      'who=me',
      '127.0.0.1',
    ]);
  });

  it('close(code, reason): the other side gets the reason, whole; WebSockets show 1000 and the code', async () => {
    const served = await serve();
    const { here, there } = await tunnelPair(served);
    const closed = once([...served.server.clients][0] as WebSocket, 'close') as Promise<[number, Buffer]>;
    const told = once(there, 'connection.close') as Promise<[{ code: number; reason: string }]>;
    // A WebSocket's own has at most 123 bytes.
    const reason = 'ü'.repeat(500);
    here.close(reason);
    expect(await there.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: reason });
    const [code, text] = await closed;
    expect([code, String(text)]).toEqual([1000, 'TUNNEL_CLOSED']);
    expect((await told)[0]).toEqual({ code, reason: 'TUNNEL_CLOSED' });
  });

  it.each(['here', 'there'] as const)('pause, resume: nothing is read meanwhile, %s', async (side) => {
    const served = await serve();
    const pair = await tunnelPair(served);
    const [paused, other] = side === 'here' ? [pair.here, pair.there] : [pair.there, pair.here];
    const streams: TunnelStream[] = [];
    paused.on('stream', (stream: TunnelStream) => {
      streams.push(stream);
      stream.pipe(stream);
    });
    paused.pause();
    expect(paused.isPaused).toBe(true);
    const stream = other.createStream();
    // It has been there and back on a tunnel that is not paused.
    const witness = await tunnelPair(served);
    for (let count = 0; count < 5; count++) await witness.here.ping();
    expect(streams.length).toBe(0);
    paused.resume();
    expect(paused.isPaused).toBe(false);
    expect(await echoOf(stream, 'read on')).toBe('read on');
  });

  it('ping and pong: how long it takes, on either side', async () => {
    const { here, there } = await tunnelPair(await serve());
    for (const tunnel of [here, there]) {
      const roundTripMs = await tunnel.ping();
      expect(roundTripMs).toBeGreaterThan(0);
      expect(tunnel.rttMs).toBe(roundTripMs);
    }
    here.close();
    await expect(here.ping()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('pings of the WebSocket itself are answered, too', async () => {
    const served = await serve();
    const { here } = await tunnelPair(served);
    const webSocket = [...served.server.clients][0] as WebSocket;
    webSocket.ping('anybody there');
    expect(String((await once(webSocket, 'pong'))[0])).toBe('anybody there');
    expect(here.state).toBe('open');
    const peer = await RawPeer.ready(served.url);
    peer.socket.ping('and here');
    expect(String((await once(peer.socket, 'pong'))[0])).toBe('and here');
    await peer.close();
  });

  it('terminate: at once, without a word; the tunnel goes on over another connection', async () => {
    const served = await serve();
    const pair = await tunnelPair(served);
    const ends: unknown[] = [];
    for (const tunnel of [pair.here, pair.there]) tunnel.on('connection.close', ({ code }) => ends.push(code));
    for (const tunnel of [pair.here, pair.there]) {
      const resumed = once(pair.here, 'resume');
      tunnel.terminate();
      await resumed;
    }
    await until(
      () => ends.length === 4,
      () => `four ends, not ${ends}`,
    );
    expect(ends).toEqual([1006, 1006, 1006, 1006]);
    await works(pair);
  });

  it('send(data, callback): write(data, callback), and finish when all is delivered', async () => {
    const { here, there } = await tunnelPair(await serve());
    const received: Buffer[] = [];
    there.on('stream', (stream: TunnelStream) => stream.on('data', (bytes: Buffer) => received.push(bytes)).end());
    const stream = here.createStream();
    await new Promise<void>((resolve, reject) => {
      stream.write('some data', (error) => (error ? reject(error) : resolve()));
    });
    stream.resume().end();
    await once(stream, 'finish');
    expect(String(Buffer.concat(received))).toBe('some data');
  });

  it('error: a server that is not there, and then close', async () => {
    const served = await serve();
    await served.server.close();
    const tunnel = dial(served.url);
    const events: string[] = [];
    tunnel.on('error', (error) => events.push(`error ${error.code}`));
    tunnel.on('close', (error) => events.push(`close ${error.code}`));
    expect((await tunnel.closed).cause).toMatchObject({ code: 'ECONNREFUSED' });
    expect(events).toEqual(['error CONNECTION_LOST', 'close CONNECTION_LOST']);
  });
});
