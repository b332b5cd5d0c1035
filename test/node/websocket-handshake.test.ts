import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DialedWebSocket } from '../../src/node/dialed-websocket.js';
import { Opcode } from '../../src/node/websocket-frames.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { cleanUpAfterEach, cleanups, dial, echoes, startEcho, startTcp, switching } from './echo-fixture.js';
import { closeAfterEach, listen, Told, upgraderOn, wsServerOn } from './framed-fixture.js';
import { wsFrame } from './ws-internals.js';

checkLeaksAfterEach();
closeAfterEach();
cleanUpAfterEach();

function upgradeRequest(): Buffer {
  const fields = ['Host: x', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
  const own = ['Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==', 'Sec-WebSocket-Protocol: trunkline.1', '', ''];
  return Buffer.from(['GET / HTTP/1.1', ...fields, ...own].join('\r\n'));
}

describe('what comes in one packet with the handshake', () => {
  const messages = (masked: boolean): Buffer =>
    Buffer.concat([
      wsFrame(Opcode.binary, Buffer.from('first'), masked),
      wsFrame(Opcode.binary, seededBytes(1, 0, 40_000), masked),
      wsFrame(Opcode.binary, Buffer.from('third'), masked),
    ]);

  /** `cut`: how much of the messages comes with the handshake. */
  it.each([0, 1, 7, 8, 30_000, 40_030])('behind the answer of a server: %i bytes', async (cut) => {
    const bytes = messages(false);
    const port = await startTcp((socket, request) => {
      socket.write(Buffer.concat([Buffer.from(switching(request)), bytes.subarray(0, cut)]));
      setImmediate(() => socket.write(bytes.subarray(cut)));
    });
    const { told } = dial(port);
    await until(() => told.messages.length === 3, 'the messages');
    expect([told.messages[0]!.toString(), told.messages[2]!.toString()]).toEqual(['first', 'third']);
    expect(told.messages[1]!.equals(seededBytes(1, 0, 40_000))).toBe(true);
  });

  it.each([0, 1, 11, 30_000, 40_040])('behind the request of a client: %i bytes', async (cut) => {
    const server = createServer();
    const told = new Told();
    upgraderOn(server, {}, (connection) => connection.start(told));
    const socket = connect(await listen(server), '127.0.0.1');
    socket.on('error', () => {});
    cleanups.push(() => socket.destroy());
    const bytes = messages(true);
    socket.write(Buffer.concat([upgradeRequest(), bytes.subarray(0, cut)]));
    await once(socket, 'data');
    socket.write(bytes.subarray(cut));
    await until(() => told.messages.length === 3, 'the messages');
    expect([told.messages[0]!.toString(), told.messages[2]!.toString()]).toEqual(['first', 'third']);
    expect(told.messages[1]!.equals(seededBytes(1, 0, 40_000))).toBe(true);
  });

  it('a close frame and the end of the socket behind the answer of a server', async () => {
    const port = await startTcp((socket, request) => {
      const close = wsFrame(Opcode.close, Buffer.concat([Buffer.of(0x0f, 0xa1), Buffer.from('full')]), false);
      socket.end(Buffer.concat([Buffer.from(switching(request)), close]));
    });
    const { told } = dial(port);
    await until(() => told.ends.length > 0, 'closed');
    expect(told.ends[0]!.message).toBe('the WebSocket closed with 4001: full');
  });
});

describe('a handshake that fails is told once, and in words', () => {
  it.each([
    ['a refusal', 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', '404'],
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n', 'Parse Error'],
    ['another key', switching('sec-websocket-key: abc\r\n'), 'Sec-WebSocket-Accept'],
  ])('%s', async (_, answer, detail) => {
    const { told } = dial(await startTcp((socket) => socket.end(answer)));
    await until(() => told.ends.length > 0, 'closed');
    expect(told.ends[0]!.message).toContain(detail);
    expect([told.ends.length, told.writables, told.ends[0]!.code]).toEqual([1, 0, 'CONNECTION_LOST']);
    expect(told.ends[0]!.cause).toBeInstanceOf(Error);
  });

  it('another subprotocol', async () => {
    const { told } = dial(await startTcp((socket, request) => socket.write(switching(request, 'other'))));
    await until(() => told.ends.length > 0, 'closed');
    expect(told.ends[0]!.message).toContain('subprotocol');
  });

  it.each([
    ['none of our subprotocols', { handleProtocols: () => false }, {}, 'Server sent no subprotocol'],
    ['another', { handleProtocols: () => 'chat' }, {}, 'Server sent an invalid subprotocol'],
    [
      'an extension that was not asked for',
      { perMessageDeflate: true },
      { perMessageDeflate: true },
      'wants extensions',
    ],
  ])('a server that agreed on %s', async (_, server, ws, detail) => {
    const httpServer = createServer();
    const closed: number[] = [];
    wsServerOn(httpServer, server).on('connection', (peer) => peer.on('close', (code: number) => closed.push(code)));
    const told = new Told();
    const connection = new DialedWebSocket(`ws://127.0.0.1:${await listen(httpServer)}`, ws as object);
    connection.start(told);
    await until(() => told.ends.length > 0 && closed.length > 0, 'closed, on both sides');
    expect(told.ends[0]!.message).toContain(detail);
    expect([told.writables, told.ends[0]!.code, told.handshakes]).toEqual([
      0,
      'CONNECTION_LOST',
      [{ code: 1006, reason: '' }],
    ]);
  });

  it.each(['close', 'terminate'] as const)('%s before there is an answer', async (method) => {
    let isAsked = false;
    const port = await startTcp(() => {
      isAsked = true;
    });
    const { connection, told } = dial(port);
    connection.send([Buffer.from('too early')]);
    expect(connection.isWritable).toBe(false);
    await until(() => isAsked, 'the request');
    connection[method](true, '');
    connection[method](true, '');
    await until(() => told.ends.length > 0, 'closed');
    expect([told.ends.length, told.writables]).toEqual([1, 0]);
  });

  it.each(['end', 'destroy', 'resetAndDestroy'] as const)('a server that answers and then does %s', async (leave) => {
    const port = await startTcp((socket, request) => {
      socket.write(switching(request));
      socket[leave]();
    });
    const all = Array.from({ length: 20 }, () => dial(port).told);
    await until(() => all.every(({ ends }) => ends.length === 1), 'that all have closed');
    expect(all.flatMap(({ breaches }) => breaches)).toEqual([]);
  });

  it.each(['end', 'destroy', 'resetAndDestroy'] as const)('a client that asks and then does %s', async (leave) => {
    const server = createServer();
    const all: Told[] = [];
    upgraderOn(server, {}, (connection) => {
      const told = new Told();
      all.push(told);
      connection.start(told);
      connection.send([Buffer.alloc(100_000)]);
    });
    const port = await listen(server);
    let left = 0;
    for (let count = 0; count < 20; count++) {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(upgradeRequest());
        setImmediate(() => socket[leave]());
      });
      socket.on('error', () => {});
      socket.on('close', () => left++);
      socket.resume();
    }
    await until(() => left === 20, 'that all have left');
    await until(() => all.every(({ ends }) => ends.length === 1), 'that all have closed');
    expect(all.flatMap(({ breaches }) => breaches)).toEqual([]);
  });

  it('no server at all', async () => {
    const server = createServer();
    const port = await listenOnFreePort(server);
    await new Promise((resolve) => server.close(resolve));
    const { told } = dial(port);
    await until(() => told.ends.length > 0, 'closed');
    expect(told.ends[0]!.message).toContain('ECONNREFUSED');
  });

  it('a server that is not answered within `handshakeTimeout`, and none later', async () => {
    const { told } = dial(await startTcp(() => {}), { handshakeTimeout: 50 });
    await until(() => told.ends.length > 0, 'closed');
    expect(told.ends[0]!.message).toContain('timed out');
    const { port } = await startEcho();
    const late = dial(port, { handshakeTimeout: 5_000 });
    await echoes(late.connection, late.told);
  });
});

it('redirects are followed where that is asked for', async () => {
  const { port } = await startEcho();
  const elsewhere = createServer();
  elsewhere.on('upgrade', (_, socket: Socket) => {
    socket.on('error', () => {});
    socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${port}/\r\nContent-Length: 0\r\n\r\n`);
  });
  const { connection, told } = dial(await listen(elsewhere), { followRedirects: true });
  await echoes(connection, told);
});
