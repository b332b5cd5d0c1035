import { Agent, createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DialedWebSocket } from '../../src/node/dialed-websocket.js';
import { FOR_ADDRESS, FOR_LOCALHOST } from '../support/certificates.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { until } from '../support/until.js';
import { cleanUpAfterEach, echoes, startEcho } from './echo-fixture.js';
import { closeAfterEach, listen, type Told } from './framed-fixture.js';
import { dialThrough, failureOf, ownEnvironment, startProxy } from './proxy-fixture.js';

checkLeaksAfterEach();
closeAfterEach();
cleanUpAfterEach();
ownEnvironment();

/** A proxy, and a server of ours that it knows as relay.test. */
async function startBoth({ credentials }: { credentials?: string } = {}) {
  const { port } = await startEcho();
  return startProxy({ hosts: { 'relay.test': port }, ...(credentials === undefined ? {} : { credentials }) });
}

describe('a dial through a proxy', () => {
  it('comes about by CONNECT', async () => {
    const proxy = await startBoth();
    const { connection, told } = dialThrough('ws://relay.test/', { proxy: proxy.url });
    expect(connection).toBeInstanceOf(DialedWebSocket);
    await echoes(connection, told);
    expect([proxy.asked, proxy.tunnels]).toEqual([['relay.test:80'], 1]);
  });

  it.each([
    ['relay', 'secret'],
    ['user@example.test', 'p:ä/%s?#'],
  ])('brings its credentials: %s %s', async (user, password) => {
    const proxy = await startBoth({ credentials: `${user}:${password}` });
    const { connection, told } = dialThrough('ws://relay.test:81/', { proxy: new URL(proxy.urlFor(user, password)) });
    await echoes(connection, told);
    expect(proxy.asked).toEqual(['relay.test:81']);
  });

  it.each([
    ['localhost', FOR_LOCALHOST],
    ['127.0.0.1', FOR_ADDRESS],
  ])('carries TLS to %s', async (host, certificate) => {
    const { port } = await startEcho({}, createHttpsServer(certificate));
    const proxy = await startProxy({ hosts: { localhost: port } });
    const options = { proxy: proxy.url, ws: { ca: certificate.cert } };
    const { connection, told } = dialThrough(`wss://${host}:${port}/`, options);
    await echoes(connection, told);
    expect(proxy.asked).toEqual([`${host}:${port}`]);
  });

  it.each([
    ['localhost', FOR_ADDRESS],
    ['127.0.0.1', FOR_LOCALHOST],
    ['relay.test', FOR_LOCALHOST],
  ])('wants the certificate of %s, and no other', async (host, certificate) => {
    const { port } = await startEcho({}, createHttpsServer(certificate));
    const proxy = await startProxy({ hosts: { localhost: port, 'relay.test': port } });
    const { code, message } = await failureOf(`wss://${host}:${port}/`, {
      proxy: proxy.url.replace('127.0.0.1', 'localhost'),
      ws: { ca: certificate.cert },
    });
    expect([code, message]).toEqual([
      'CONNECTION_LOST',
      expect.stringContaining("does not match certificate's altnames"),
    ]);
  });

  it('carries TLS where stack traces are switched off', async () => {
    const { port } = await startEcho({}, createHttpsServer(FOR_LOCALHOST));
    const proxy = await startProxy({ hosts: { localhost: port } });
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      const options = { proxy: proxy.url, ws: { ca: FOR_LOCALHOST.cert } };
      const { connection, told } = dialThrough(`wss://localhost:${port}/`, options);
      await echoes(connection, told);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  });

  it('speaks TLS to the proxy itself', async () => {
    const { port } = await startEcho();
    const proxy = await startProxy({ tls: FOR_LOCALHOST, hosts: { 'relay.test': port }, credentials: 'a:b' });
    const url = proxy.urlFor('a', 'b').replace('127.0.0.1', 'localhost');
    const refused = await failureOf('ws://relay.test/', { proxy: url });
    expect(refused.message).toContain('self-signed certificate');
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      const { connection, told } = dialThrough('ws://relay.test/', { proxy: url });
      await echoes(connection, told);
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
    expect(proxy.asked).toEqual(['relay.test:80']);
  });

  it('works where `ws` reads and writes, for deflate', async () => {
    const { port } = await startEcho({ perMessageDeflate: true });
    const proxy = await startProxy({ hosts: { 'relay.test': port } });
    const options = { proxy: proxy.url, ws: { perMessageDeflate: true } };
    const { connection, told } = dialThrough('ws://relay.test/', options);
    expect(connection).not.toBeInstanceOf(DialedWebSocket);
    await echoes(connection, told);
    expect(proxy.tunnels).toBe(1);
  });

  it('follows a redirect through it, also to TLS', async () => {
    const { port } = await startEcho({}, createHttpsServer(FOR_LOCALHOST));
    const elsewhere = createServer();
    elsewhere.on('upgrade', (_, socket: Socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 302 Found\r\nLocation: wss://localhost/\r\nContent-Length: 0\r\n\r\n');
    });
    const proxy = await startProxy({ hosts: { 'relay.test': await listen(elsewhere), localhost: port } });
    const ws = { followRedirects: true, ca: FOR_LOCALHOST.cert };
    const { connection, told } = dialThrough('ws://relay.test/', { proxy: proxy.url, ws });
    await echoes(connection, told);
    expect(proxy.asked).toEqual(['relay.test:80', 'localhost:443']);
  });

  it('is lost when the proxy ends it', async () => {
    const proxy = await startBoth();
    const { connection, told } = dialThrough('ws://relay.test/', { proxy: proxy.url });
    await echoes(connection, told);
    proxy.cut();
    await until(() => told.ends.length > 0, 'closed');
    expect(told.ends[0]!.message).toContain('the WebSocket closed with 1006');
  });

  it.each(['close', 'terminate'] as const)('lets go of the proxy on %s, before it has answered', async (method) => {
    const proxy = await startBoth();
    proxy.hang();
    const { connection, told } = dialThrough('ws://relay.test/', { proxy: proxy.url });
    await until(() => proxy.asked.length === 1, 'CONNECT');
    expect(proxy.openSockets).toBe(1);
    connection[method](true, '');
    await until(() => told.ends.length > 0 && proxy.openSockets === 0, 'closed, on both sides');
    expect(told.ends[0]!.code).toBe('CONNECTION_LOST');
  });

  it('does not wait for the proxy when it is given up at once', async () => {
    const proxy = await startBoth();
    proxy.hang();
    let told!: Told;
    // Not in a promise's turn, in which the agent would be called before the request says that it is over.
    setImmediate(() => {
      const dialed = dialThrough('ws://relay.test/', { proxy: proxy.url });
      dialed.connection.terminate();
      told = dialed.told;
    });
    await until(() => told?.ends.length > 0, 'closed');
    // Whatever was on its way has come when this is done.
    const { port } = await startEcho();
    const other = dialThrough(`ws://127.0.0.1:${port}/`, {});
    await echoes(other.connection, other.told);
    expect([proxy.asked, told.ends.length]).toEqual([[], 1]);
  });

  it('lets go of the server when it is given up during the handshake with it', async () => {
    const server = createServer();
    const asked: Socket[] = [];
    server.on('connection', (socket: Socket) => asked.push(socket.on('data', () => {})));
    const proxy = await startProxy({ hosts: { localhost: await listen(server) } });
    const { connection, told } = dialThrough('wss://localhost/', { proxy: proxy.url });
    await until(() => asked.length === 1 && asked[0]!.bytesRead > 0, 'a handshake');
    connection.terminate();
    await until(() => told.ends.length > 0 && proxy.openSockets === 0, 'closed, on all sides');
  });
});

describe('an `agent` or a `createConnection` of the application', () => {
  it('takes the place of every proxy', async () => {
    const { port } = await startEcho();
    process.env.http_proxy = 'socks5://nowhere.test';
    const createConnection = (): Socket => connect(port, '127.0.0.1');
    for (const proxy of [undefined, 'http://127.0.0.1:1'])
      for (const ws of [{ createConnection }, { agent: Object.assign(new Agent(), { createConnection }) }]) {
        const { connection, told } = dialThrough('ws://relay.test/', { proxy, ws });
        await echoes(connection, told);
      }
  });
});
