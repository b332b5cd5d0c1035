// websocket-driver: the WebSocket protocol apart from the socket that carries it. Its document, ported and run for real.
// What it says of proxies is shown by test/node/proxy*.test.ts.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, createServer as createNetServer, type Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { connectTunnel, type Tunnel } from '../../src/index.js';
import { TunnelServer, type TunnelServerOptions } from '../../src/sdk-node/index.js';
import {
  cleanups,
  dial,
  echoOf,
  echoStreams,
  endTunnelsAfterEach,
  portOf,
  type Served,
  serve,
  track,
  trackDialed,
  tunnelPair,
} from '../sdk-node/tunnel-fixture.js';
import { FOR_ADDRESS } from '../support/certificates.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, hello, open, RawPeer, Type } from '../support/raw-peer.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();
endTunnelsAfterEach();

/** A server of tunnels that echo, with nothing to listen on. */
function detached(options: TunnelServerOptions = {}) {
  const tracked = track(new TunnelServer({ noServer: true, ...options }));
  tracked.server.on('tunnel.open', (tunnel: Tunnel) => {
    echoStreams(tunnel);
  });
  return tracked;
}

/** As an HTTP server that listens nowhere, for sockets of any kind. */
function upgrading(server: TunnelServer) {
  const parser = createServer((_request, response) => response.end('other HTTP requests'));
  parser.on('upgrade', (request, duplex, head) => server.handleUpgrade(request, duplex, head));
  cleanups.push(() => parser.closeAllConnections());
  return parser;
}

async function listen(server: ReturnType<typeof createNetServer>): Promise<number> {
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return listenOnFreePort(server);
}

async function carries(tunnel: Tunnel): Promise<void> {
  expect(await echoOf(tunnel.createStream(), 'Got a message')).toBe('Got a message');
}

describe('usage', () => {
  it('server-side with HTTP: the upgrade, its socket and its body are handed over', async () => {
    const tunnelServer = detached().server;
    const server = createServer();
    server.on('upgrade', (request, socket, body) => tunnelServer.handleUpgrade(request, socket, body));
    const port = await listen(server);
    await carries(dial(`ws://127.0.0.1:${port}`));
  });

  it('server-side with TCP: a bare TCP server, which takes other HTTP requests as well', async () => {
    const parser = upgrading(detached().server);
    const server = createNetServer((connection) => parser.emit('connection', connection));
    const port = await listen(server);
    await carries(dial(`ws://127.0.0.1:${port}/socket`));
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: 'close' } });
    expect(await response.text()).toBe('other HTTP requests');
  });

  it('client-side: a socket of the caller’s own', async () => {
    const served = await serve();
    served.server.on('tunnel.open', (tunnel) => echoStreams(tunnel));
    const sockets: Socket[] = [];
    const createConnection = (): Socket => {
      const tcp = connect(portOf(served.server), '127.0.0.1');
      sockets.push(tcp);
      return tcp;
    };
    const tunnel = dial('ws://www.example.com/socket', { ws: { createConnection } });
    await carries(tunnel);
    const resumed = once(tunnel, 'resume');
    sockets[0]!.resetAndDestroy();
    await resumed;
    await carries(tunnel);
    expect(sockets.length).toBe(2);
  });

  it('a TLS handshake on it, for a wss: endpoint', async () => {
    const parser = upgrading(detached().server);
    const server = createTlsServer(FOR_ADDRESS, (connection) => parser.emit('connection', connection));
    const port = await listen(server);
    const createConnection = () => connectTls({ port, host: '127.0.0.1', ca: FOR_ADDRESS.cert });
    await carries(dial('wss://www.example.com/socket', { ws: { createConnection } }));
  });

  it('any I/O stream, on both sides, and nothing of a network', async () => {
    const parser = upgrading(detached().server);
    const createConnection = (): Duplex => {
      const [here, there] = duplexPair() as [Duplex, Duplex];
      parser.emit('connection', there);
      return here;
    };
    await carries(dial('ws://in.memory/', { ws: { createConnection } }));
  });

  it('what has come behind the request (the body, or head) is not lost', async () => {
    const { server, accepted } = detached();
    const http = createServer();
    http.on('upgrade', (request, socket, head: Buffer) => {
      expect(head.length).toBeGreaterThan(0);
      server.handleUpgrade(request, socket, head);
    });
    const port = await listen(http);
    const socket = connect(port, '127.0.0.1');
    cleanups.push(() => socket.destroy());
    const lines = [
      'GET / HTTP/1.1',
      'Host: here',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: trunkline.1',
    ];
    // At once, without waiting for the answer.
    socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), webSocketFrame(0x82, hello())]));
    const received: Buffer[] = [];
    socket.on('data', (bytes) => received.push(bytes));
    await until(() => Buffer.concat(received).includes('"tunnelId"'), 'the WELCOME');
    // The accept key is the one of RFC 6455, section 1.3.
    expect(String(Buffer.concat(received))).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    expect(accepted.length).toBe(1);
  });
});

/** As a client sends it, masked with zeros. */
function webSocketFrame(firstByte: number, payload: Buffer): Buffer {
  if (payload.length > 125) throw new RangeError('too long for this');
  return Buffer.concat([Buffer.from([firstByte, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

describe('you get a lot of things for free', () => {
  it('negotiate subprotocol selection: options.protocols, and driver.protocol after it is open', async () => {
    const { url } = await serve({ handleProtocols: (protocols) => protocols.has('irc') && 'irc' });
    const tunnel = dial(url, { protocols: ['xmpp', 'irc'] });
    expect(tunnel.protocol).toBeUndefined();
    await tunnel.opened;
    expect(tunnel.protocol).toBe('irc');
  });

  it('buffer sent messages until the handshake process is finished', async () => {
    const served = await serve({ accept: () => new Promise((resolve) => setImmediate(resolve, true)) });
    served.server.on('tunnel.open', (tunnel) => echoStreams(tunnel));
    const tunnel = dial(served.url);
    const stream = tunnel.createStream();
    for (let count = 0; count < 10; count++) stream.write(`${count} `);
    expect(tunnel.state).toBe('connecting');
    expect(await echoOf(stream, 'and the end')).toBe('0 1 2 3 4 5 6 7 8 9 and the end');
  });

  it('notify you when the socket is open and closed', async () => {
    const served = await serve();
    const tunnel = dial(served.url);
    const events: string[] = [];
    for (const event of ['open', 'close'] as const) tunnel.on(event, () => events.push(event));
    await tunnel.opened;
    await served.server.close();
    await tunnel.closed;
    expect(events).toEqual(['open', 'close']);
  });

  it('recombine fragmented messages, with pings between the fragments, which are answered', async () => {
    const served = await serve();
    const peer = await RawPeer.dial(served.url);
    const message = hello();
    const ponged = once(peer.socket, 'pong');
    peer.socket.send(message.subarray(0, 5), { fin: false });
    peer.socket.ping('between');
    peer.socket.send(message.subarray(5, 9), { fin: false });
    peer.socket.send(message.subarray(9), { fin: true });
    expect(await peer.nextPayload(Type.WELCOME)).toMatchObject({ version: 1 });
    expect(String((await ponged)[0])).toBe('between');
    await peer.close();
  });

  it('dispatch text: a tunnel has none, and says so', async () => {
    const { url } = await serve();
    const peer = await RawPeer.ready(url);
    peer.sendText('hello');
    expect(await peer.goaway()).toMatchObject({ code: 'PROTOCOL' });
  });

  it('apply masking to messages sent by the client, and close on one that is not', async () => {
    const { url, server } = await serve();
    const peer = await RawPeer.ready(url);
    const { _socket: socket } = peer.socket as unknown as { _socket: Socket };
    // A server's frame: not masked.
    socket.write(Buffer.from([0x82, 1, 0]));
    expect((await peer.closed).code).toBe(1002);
    await until(() => server.tunnels.size === 0, 'that it is let go');
  });

  it('manage the closing handshake: close codes and reasons', async () => {
    const served = await serve();
    const { here, there } = await tunnelPair(served);
    const ends = [here, there].map((tunnel) => once(tunnel, 'connection.close'));
    here.close('done here');
    for (const [end] of await Promise.all(ends)) expect(end).toEqual({ code: 1000, reason: 'TUNNEL_CLOSED' });
    expect((await there.closed).message).toBe('done here');
    // One that broke the protocol is told apart.
    const peer = await RawPeer.ready(served.url);
    peer.send(frame(7, Type.DATA, Buffer.from('never opened')));
    expect(await peer.closed).toEqual({ code: 4000, reason: 'PROTOCOL' });
  });

  it('reply to ping with pong by itself, and tell of a pong: ping(callback) resolves', async () => {
    const { here, there } = await tunnelPair(await serve());
    expect(await here.ping()).toBeGreaterThan(0);
    expect(await there.ping()).toBeGreaterThan(0);
    const all = await Promise.all(Array.from({ length: 10 }, () => here.ping()));
    expect(all.every((roundTripMs) => roundTripMs > 0)).toBe(true);
  });
});

describe('driver API', () => {
  it('maxLength: maxPayload of the server, limits.maxMessageBytes of either side', async () => {
    const served = await serve({ maxPayload: 24 * 1024 });
    const peer = await RawPeer.dial(served.url);
    peer.send(hello());
    expect((await peer.nextPayload(Type.WELCOME)).limits).toMatchObject({ maxMessageBytes: 24 * 1024 });
    peer.socket.send(Buffer.alloc(24 * 1024 + 1));
    expect((await peer.closed).code).toBe(1009);
  });

  it('error: an invalid byte sequence of the other side ends the connection, and no process', async () => {
    const served = await serve();
    const nonsense = [seededBytes(1, 0, 100), frame(0, Type.WELCOME, { version: 1 }), open(2, { kind: 'plain' })];
    for (const bytes of nonsense) {
      const peer = await RawPeer.ready(served.url);
      peer.send(bytes);
      expect(await peer.goaway()).toMatchObject({ code: 'PROTOCOL' });
    }
    const peer = await RawPeer.ready(served.url);
    const { _socket: socket } = peer.socket as unknown as { _socket: Socket };
    socket.write(Buffer.from([0xff, 0xff, 0xff]));
    expect((await peer.closed).code).toBe(1002);
    await until(() => served.server.tunnels.size === 0, 'that all are let go');
  });

  it('setHeader: headers of the request, and of the answer', async () => {
    const served = await serve();
    const requests: IncomingMessage[] = [];
    served.server.on('headers', (headers: string[], request: IncomingMessage) => {
      requests.push(request);
      headers.push('X-Answer: yes');
    });
    await dial(served.url, { ws: { headers: { 'User-Agent': 'node' } } }).opened;
    expect(requests[0]!.headers['user-agent']).toBe('node');
    const answer = await answerTo(served);
    expect(answer.headers['x-answer']).toBe('yes');
  });

  it('statusCode: what a server answers that is no WebSocket server', async () => {
    const server = createServer();
    server.on('upgrade', (_request, socket: Socket) => socket.end('HTTP/1.1 418 Teapot\r\n\r\n'));
    const port = await listen(server);
    const error = await dial(`ws://127.0.0.1:${port}`).closed;
    expect(error).toMatchObject({ code: 'CONNECTION_LOST', message: expect.stringContaining('418') });
  });

  it('close() while it is dialing', async () => {
    const server = createNetServer((socket) => cleanups.push(() => socket.destroy()));
    const port = await listen(server);
    const tunnel = trackDialed(connectTunnel(`ws://127.0.0.1:${port}`));
    await once(server, 'connection');
    tunnel.close('changed my mind');
    expect(await tunnel.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'changed my mind' });
  });
});

/** The HTTP answer to an upgrade. */
async function answerTo(served: Served): Promise<IncomingMessage> {
  const { WebSocket } = await import('ws');
  const webSocket = new WebSocket(served.url, 'trunkline.1');
  const [answer] = (await once(webSocket, 'upgrade')) as [IncomingMessage];
  webSocket.terminate();
  return answer;
}
