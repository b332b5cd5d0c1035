import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { DialedWebSocket } from '../../src/node/dialed-websocket.js';
import { dialConnection } from '../../src/runtime/dial-connection.js';
import { FOR_LOCALHOST } from '../support/certificates.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { cleanUpAfterEach, cleanups, dial, echoes, peerEchoes, startEcho } from './echo-fixture.js';
import { closeAfterEach, listen, rawSocket, Told, wsServerOn } from './framed-fixture.js';

checkLeaksAfterEach();
closeAfterEach();
cleanUpAfterEach();

describe('where `ws` itself reads and writes', () => {
  it('deflate works where a server of ours was asked for it', async () => {
    const { port, connections } = await startEcho({ perMessageDeflate: true });
    const peer = await peerEchoes(port, { perMessageDeflate: true });
    expect(peer.extensions).toContain('permessage-deflate');
    expect(connections[0]!.constructor.name).toBe('WebSocketConnection');
    expect((await peerEchoes(port)).extensions).toBe('');
  });

  it('deflate is refused by a server of ours that was not asked for it', async () => {
    const { port, connections } = await startEcho();
    expect((await peerEchoes(port, { perMessageDeflate: true })).extensions).toBe('');
    expect(connections[0]!.constructor.name).toBe('FramedWebSocket');
  });

  it.each([true, false])(
    'deflate works where a client of ours was asked for it, and the server agrees: %s',
    async (agrees) => {
      const server = createServer();
      const peers: WebSocket[] = [];
      wsServerOn(server, { perMessageDeflate: agrees }).on('connection', (peer) => {
        peers.push(peer);
        peer.on('message', (message) => peer.send(message));
      });
      const { connection, told } = dial(await listen(server), { perMessageDeflate: true });
      await echoes(connection, told);
      expect(peers[0]!.extensions).toBe(agrees ? 'permessage-deflate' : '');
    },
  );

  it('deflate is not offered by a client of ours that was not asked for it', async () => {
    const server = createServer();
    const offers: (string | undefined)[] = [];
    wsServerOn(server, { perMessageDeflate: true }).on('connection', (peer, request) => {
      offers.push(request.headers['sec-websocket-extensions'], peer.extensions);
      peer.on('message', (message) => peer.send(message));
    });
    const { connection, told } = dial(await listen(server));
    expect(connection).toBeInstanceOf(DialedWebSocket);
    await echoes(connection, told);
    expect(offers).toEqual([undefined, '']);
  });

  it('deflate carries a tunnel, in fewer bytes', async () => {
    const fixture = await startRelay({ ws: { perMessageDeflate: true } });
    const sockets: Socket[] = [];
    fixture.server.on('connection', (socket: Socket) => sockets.push(socket));
    const client = fixture.dial({ ws: { perMessageDeflate: true } });
    await client.opened;
    const pair = await fixture.pair('NAME', { client });
    const received: Buffer[] = [];
    pair.server.on('data', (bytes: Buffer) => received.push(bytes));
    pair.server.end();
    pair.client.resume();
    const sent = Buffer.alloc(1_000_000, 'what is said again and again');
    pair.client.end(sent);
    await once(pair.server, 'end');
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    expect(sockets[0]!.bytesRead).toBeGreaterThan(0);
    expect(sockets[0]!.bytesRead).toBeLessThan(200_000);
  });

  it("an application's own class works in a server of ours", async () => {
    class OwnWebSocket extends WebSocket {}
    const { port, connections } = await startEcho({ WebSocket: OwnWebSocket });
    await peerEchoes(port);
    expect(connections[0]!.constructor.name).toBe('WebSocketConnection');
  });

  it("an application's own class works as a client", async () => {
    const made: WebSocket[] = [];
    class OwnWebSocket extends WebSocket {
      constructor(url: string, protocols: string[], options?: object) {
        super(url, protocols, options);
        made.push(this);
      }
    }
    const { port } = await startEcho();
    const told = new Told();
    const connection = dialConnection(`ws://127.0.0.1:${port}`, { WebSocket: OwnWebSocket as never });
    connection.start(told);
    cleanups.push(() => connection.terminate());
    await echoes(connection, told);
    expect(made.length).toBe(1);
  });
});

describe('TLS', () => {
  it('carries both of our ends, however much, and the close', async () => {
    const { port, connections } = await startEcho({}, createHttpsServer(FOR_LOCALHOST));
    const { connection, told } = dial(port, { ca: FOR_LOCALHOST.cert }, 'wss');
    expect(connection).toBeInstanceOf(DialedWebSocket);
    await echoes(connection, told);
    for (let count = 0; count < 40; count++) connection.send([seededBytes(count, 0, 64 * 1024)]);
    await until(() => told.messages.length === 44, 'the echoes');
    for (let count = 0; count < 40; count++)
      expect(told.messages[4 + count]!.equals(seededBytes(count, 0, 64 * 1024))).toBe(true);
    connections[0]!.close(false, 'bye');
    await until(() => told.ends.length > 0, 'closed');
    expect(told.ends[0]!.message).toBe('the WebSocket closed with 4000: bye');
  });

  it('refuses a certificate that nobody vouches for', async () => {
    const { port } = await startEcho({}, createHttpsServer(FOR_LOCALHOST));
    const { told } = dial(port, {}, 'wss');
    await until(() => told.ends.length > 0, 'closed');
    expect(told.ends[0]!.message).toContain('self-signed certificate');
  });
});

it('two ends are joined by a pair of streams in memory, whose reader is slow', async () => {
  const server = createServer();
  const connected = once(wsServerOn(server), 'connection') as Promise<[WebSocket]>;
  const [here, there] = duplexPair() as [Socket, Socket];
  cleanups.push(() => [here, there].map((end) => end.destroy()));
  const told = new Told();
  const connection = new DialedWebSocket('ws://in.memory', { createConnection: () => here } as object);
  connection.start(told);
  server.emit('connection', there);
  const [peer] = await connected;
  const received: Buffer[] = [];
  peer.on('message', (message: Buffer) => received.push(message));
  await until(() => told.writables > 0, 'an open connection');
  rawSocket(peer).pause();
  for (let count = 0; count < 20; count++) {
    connection.send([seededBytes(count, 0, 10_000)]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  rawSocket(peer).resume();
  await until(() => received.length === 20, 'the messages');
  for (const [index, message] of received.entries()) expect(message.equals(seededBytes(index, 0, 10_000))).toBe(true);
});
