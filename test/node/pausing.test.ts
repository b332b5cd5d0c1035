import { createServer } from 'node:http';
import { beforeEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { FramedWebSocket } from '../../src/node/framed-websocket.js';
import { Opcode } from '../../src/node/websocket-frames.js';
import { dialConnection } from '../../src/runtime/dial-connection.js';
import type { Connection } from '../../src/transport/connection.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { until } from '../support/until.js';
import { cleanUpAfterEach, cleanups, dial, echoes, startEcho, startTcp, switching } from './echo-fixture.js';
import { closeAfterEach, closing, listen, ROLES, Told, wsServerOn } from './framed-fixture.js';
import { HeldSocket } from './held-socket.js';
import { wsFrame } from './ws-internals.js';

checkLeaksAfterEach();
closeAfterEach();
cleanUpAfterEach();

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('a socket that is paused is not read', () => {
  const frame = (text: string): Buffer => wsFrame(Opcode.binary, Buffer.from(text), true);
  let socket: HeldSocket;
  let told: Told;
  let connection: FramedWebSocket;
  const heard = (): string[] => told.messages.map(String);

  beforeEach(() => {
    socket = new HeldSocket(false);
    told = new Told();
    connection = new FramedWebSocket({ socket: socket.asSocket, head: frame('head') }, { role: 'server' });
  });

  it('from the start', async () => {
    connection.pause();
    connection.start(told);
    socket.push(frame('more'));
    await turns();
    expect([heard(), told.writables]).toEqual([[], 1]);
    connection.resume();
    await until(() => told.messages.length === 2, 'the messages');
    expect(heard()).toEqual(['head', 'more']);
  });

  it('but is from the start, where it was resumed before', async () => {
    connection.pause();
    connection.resume();
    await turns();
    connection.start(told);
    await until(() => told.messages.length === 1, 'the message');
    expect(heard()).toEqual(['head']);
  });

  it('nor before the start, when it is resumed', async () => {
    connection.resume();
    socket.push(frame('more'));
    await turns();
    connection.start(told);
    await until(() => told.messages.length === 2, 'the messages');
    expect(heard()).toEqual(['head', 'more']);
  });

  it('in the middle of a message, and writes all the same', async () => {
    connection.start(told);
    await until(() => told.messages.length === 1, 'the message');
    socket.push(frame('hello').subarray(0, 8));
    await until(() => told.partialBytes === 2, 'half of it');
    connection.pause();
    socket.push(frame('hello').subarray(8));
    await turns();
    expect([heard(), told.partialBytes]).toEqual([['head'], 2]);
    connection.send([Buffer.from('hi')]);
    expect(Buffer.concat(socket.written).toString()).toContain('hi');
    connection.resume();
    await until(() => told.messages.length === 2, 'the other half');
  });

  it('from the handler of a message on', async () => {
    told.onMessage = () => connection.pause();
    connection.start(told);
    socket.push(frame('second'));
    await until(() => told.messages.length === 1, 'the message');
    await turns();
    expect(heard()).toEqual(['head']);
    connection.resume();
    await until(() => told.messages.length === 2, 'the second');
  });
});

describe.each(ROLES)('a $role that is paused', ({ openPair }) => {
  it('holds its peer back', async () => {
    const { connection, told, peer } = await openPair();
    connection.pause!();
    // More than all buffers of a system.
    for (let count = 0; count < 400; count++) peer.send(Buffer.alloc(64 * 1024));
    await turns();
    await expectRoundTrip();
    expect(told.messages.length + told.partialBytes).toBe(0);
    expect(peer.bufferedAmount).toBeGreaterThan(0);
    connection.resume!();
    await until(() => told.messages.length === 400, 'the messages');
  });

  it('closes in order', async () => {
    const pair = await openPair();
    pair.connection.pause!();
    pair.connection.close(true, 'done');
    expect(await closing(pair)).toMatchObject({
      code: 1000,
      reason: 'done',
      told: 'the WebSocket closed with 1000: done',
    });
  });

  it('can be terminated', async () => {
    const pair = await openPair();
    pair.connection.pause!();
    pair.connection.terminate();
    await until(() => pair.told.ends.length > 0, 'closed');
    pair.connection.resume!();
    pair.connection.pause!();
  });
});

/** Whatever else was on its way has come, if it was not held back. */
async function expectRoundTrip(): Promise<void> {
  const { port } = await startEcho();
  const { connection, told } = dial(port);
  await echoes(connection, told);
}

describe.each([
  ['our own frames', {}],
  ['the frames of `ws`', { perMessageDeflate: true }],
])('a connection with %s', (_, ws) => {
  /** To a server that says hello at once. */
  async function startPaused(pauseWhen: 'before' | 'after'): Promise<{ connection: Connection; told: Told }> {
    const server = createServer();
    wsServerOn(server, ws).on('connection', (peer: WebSocket) => peer.send('hello', { binary: true }));
    const connection = dialConnection(`ws://127.0.0.1:${await listen(server)}`, { ws });
    cleanups.push(() => connection.terminate());
    const told = new Told();
    if (pauseWhen === 'before') connection.pause!();
    connection.start(told);
    if (pauseWhen === 'after') connection.pause!();
    await until(() => told.writables > 0, 'an open connection');
    return { connection, told };
  }

  it.each(['before', 'after'] as const)(
    'paused while it is dialed (%s the start) waits to be resumed',
    async (when) => {
      const { connection, told } = await startPaused(when);
      await expectRoundTrip();
      expect(told.messages.length).toBe(0);
      connection.resume!();
      await until(() => told.messages.length === 1, 'the message');
      expect(told.messages.map(String)).toEqual(['hello']);
    },
  );

  it('paused, and resumed, while it is dialed is not paused', async () => {
    const server = createServer();
    wsServerOn(server, ws).on('connection', (peer: WebSocket) => peer.send('hello', { binary: true }));
    const { connection, told } = dial(await listen(server), ws);
    connection.pause!();
    connection.resume!();
    await until(() => told.messages.length === 1, 'the message');
  });

  it('closes in order though it is paused', async () => {
    const { connection, told } = await startPaused('before');
    connection.close(true, 'done');
    await until(() => told.ends.length === 1, 'closed');
    expect(told.handshakes).toEqual([{ code: 1000, reason: 'done' }]);
  });
});

it('what came in one packet with the handshake waits as well', async () => {
  const port = await startTcp((socket, request) => {
    const hello = wsFrame(Opcode.binary, Buffer.from('hello'), false);
    socket.write(Buffer.concat([Buffer.from(switching(request)), hello]));
  });
  const { connection, told } = dial(port);
  connection.pause!();
  await until(() => told.writables > 0, 'an open connection');
  await turns();
  expect(told.messages).toEqual([]);
  connection.resume!();
  await until(() => told.messages.length === 1, 'the message');
});
