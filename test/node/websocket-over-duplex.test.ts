import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { Upgrader } from '../../relay/upgrade.js';
import { DialedWebSocket } from '../../src/node/dialed-websocket.js';
import { dialConnection } from '../../src/runtime/dial-connection.js';
import type { Connection } from '../../src/transport/connection.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { cleanUpAfterEach, cleanups, echoes } from './echo-fixture.js';
import { Told } from './framed-fixture.js';

checkLeaksAfterEach();
cleanUpAfterEach();

/** Two ends in memory. Neither has anything of a socket: no timeout, no delay, no address. */
function pair(): [Duplex, Duplex] {
  const ends = duplexPair() as [Duplex, Duplex];
  cleanups.push(() => ends.map((end) => end.destroy()));
  for (const end of ends) expect('setTimeout' in end || 'setNoDelay' in end).toBe(false);
  return ends;
}

function dialOver(here: Duplex, ws: object = {}): { connection: Connection; told: Told } {
  const told = new Told();
  const connection = dialConnection('ws://in.memory/path', { ws: { createConnection: () => here, ...ws } });
  cleanups.push(() => connection.terminate());
  connection.start(told);
  return { connection, told };
}

/** An HTTP server that is nowhere but at the other end, and what it is asked to upgrade. */
function serveOver(there: Duplex, upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): void {
  const server = createServer();
  server.on('upgrade', upgrade);
  server.emit('connection', there);
  cleanups.push(() => server.closeAllConnections());
}

function echo(peer: WebSocket): void {
  peer.on('message', (message: Buffer) => peer.send(message));
}

const FRAMES: [string, object][] = [
  ['our own frames', {}],
  ['the frames of `ws`', { perMessageDeflate: true }],
];

describe.each(FRAMES)('a WebSocket over a pair of streams, with %s', (_, ws) => {
  it('reaches a server of `ws` that was handed request, stream and head', async () => {
    const [here, there] = pair();
    const { connection, told } = dialOver(here, ws);
    const wsServer = new WebSocketServer({ noServer: true, handleProtocols: () => 'trunkline.1', ...ws });
    let path: string | undefined;
    serveOver(there, (request, socket, head) => {
      path = request.url;
      wsServer.handleUpgrade(request, socket, head, echo);
    });
    await echoes(connection, told);
    expect([path, wsServer.clients.size]).toEqual(['/path', 1]);
    connection.close(true, 'done');
    await until(() => told.ends.length > 0 && here.destroyed && there.destroyed, 'closed');
    expect(told.handshakes).toEqual([{ code: 1000, reason: expect.stringMatching(/^(done)?$/) }]);
    expect(told.breaches).toEqual([]);
  });

  it('reaches a server of ours', async () => {
    const [here, there] = pair();
    const { connection, told } = dialOver(here, ws);
    const upgrader = new Upgrader({
      maxMessageBytes: 1024 * 1024,
      ws,
      defectFound: (error) => expect.fail(error.message),
    });
    serveOver(there, (request, socket, head) =>
      upgrader.upgrade(request, socket as Socket, head, (accepted) => {
        const toldThere = new Told();
        toldThere.onMessage = (message) => accepted.send([message]);
        accepted.start(toldThere);
      }),
    );
    await echoes(connection, told);
    for (let count = 0; count < 40; count++) connection.send([seededBytes(count, 0, 64 * 1024)]);
    await until(() => told.messages.length === 44, 'the echoes');
    for (let count = 0; count < 40; count++)
      expect(told.messages[4 + count]!.equals(seededBytes(count, 0, 64 * 1024))).toBe(true);
  });

  // Not by destroying the far end: the pairs of Node 20 do not tell the near one of that.
  it.each<[string, (here: Duplex, there: Duplex) => unknown]>([
    ['its own end', (here) => here.destroy(new Error('made up'))],
    ['the far end', (_here, there) => there.end()],
  ])('is lost with %s', async (_what, vanish) => {
    const [here, there] = pair();
    const { connection, told } = dialOver(here, ws);
    const wsServer = new WebSocketServer({ noServer: true, handleProtocols: () => 'trunkline.1', ...ws });
    serveOver(there, (request, socket, head) => wsServer.handleUpgrade(request, socket, head, echo));
    await echoes(connection, told);
    vanish(here, there);
    await until(() => told.ends.length > 0, 'closed');
    expect(told.handshakes).toEqual([{ code: 1006, reason: '' }]);
  });

  it('says so when the stream ends, or fails, during the handshake', async () => {
    const [here, there] = pair();
    const ended = dialOver(here, ws);
    there.once('data', () => there.end());
    await until(() => ended.told.ends.length > 0, 'the end');
    expect(ended.told.ends[0]!.message).toContain('socket hang up');
    const [failing] = pair();
    const failed = dialOver(failing, ws);
    failing.destroy(new Error('made up'));
    await until(() => failed.told.ends.length > 0, 'the failure');
    expect(failed.told.ends[0]!.message).toContain('made up');
  });

  it('lets go of the stream when it is given up during the handshake', async () => {
    const [here, there] = pair();
    const { connection, told } = dialOver(here, ws);
    await once(there, 'data');
    connection.terminate();
    await until(() => told.ends.length > 0 && here.destroyed, 'closed');
  });

  it('reports what `createConnection` throws, or calls back with', async () => {
    const failures = [
      () => {
        throw new Error('made up');
      },
      (_options: object, done: (error: Error) => void) => done(new Error('made up')),
    ];
    for (const createConnection of failures) {
      const told = new Told();
      try {
        dialConnection('ws://in.memory/', { ws: { ...ws, createConnection } }).start(told);
      } catch (error) {
        expect((error as Error).message).toBe('made up');
        continue;
      }
      await until(() => told.ends.length > 0, 'closed');
      expect(told.ends[0]!.message).toContain('made up');
    }
  });

  it('waits for a stream that comes later', async () => {
    const [here, there] = pair();
    let hand: ((error: Error | null, stream: Duplex) => void) | undefined;
    const createConnection = (_options: object, done: typeof hand): void => {
      hand = done;
    };
    const { connection, told } = dialOver(here, { ...ws, createConnection });
    const wsServer = new WebSocketServer({ noServer: true, handleProtocols: () => 'trunkline.1', ...ws });
    serveOver(there, (request, socket, head) => wsServer.handleUpgrade(request, socket, head, echo));
    await until(() => hand !== undefined, 'that it is asked for');
    hand!(null, here);
    await echoes(connection, told);
  });
});

it('the dialer of plain ends is the one with our own frames', () => {
  const [here] = pair();
  expect(dialOver(here).connection).toBeInstanceOf(DialedWebSocket);
});

it('a tunnel has another pair of streams for each of its connections', async () => {
  const fixture = await startRelay();
  const ends: Duplex[] = [];
  const createConnection = (): Duplex => {
    const [here, there] = duplexPair() as [Duplex, Duplex];
    ends.push(here);
    fixture.server.emit('connection', there);
    return here;
  };
  const client = fixture.dial({ ws: { createConnection } });
  const pairOfStreams = await fixture.pair('NAME', { client });
  const received: Buffer[] = [];
  pairOfStreams.server.on('data', (bytes: Buffer) => received.push(bytes));
  const sent = seededBytes(7, 0, 3_000_000);
  pairOfStreams.client.write(sent.subarray(0, 1_000_000));
  await until(() => received.length > 0, 'the first bytes');
  ends[0]!.on('error', () => {});
  ends[0]!.destroy(new Error('made up'));
  pairOfStreams.client.end(sent.subarray(1_000_000));
  await once(pairOfStreams.server, 'end');
  expect(Buffer.concat(received).equals(sent)).toBe(true);
  expect(ends.length).toBe(2);
  pairOfStreams.server.end();
  pairOfStreams.client.resume();
  await once(pairOfStreams.client, 'close');
});
