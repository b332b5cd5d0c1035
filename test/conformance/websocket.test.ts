/** The rules that live in the transport: R1, R2, R95. Everything else is in vectors.json. */
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createRelay, type Relay } from '../../relay/relay.js';
import { connectTunnel } from '../../src/sdk/connect-tunnel.js';
import { type SocketLike, WebSocketConnection } from '../../src/transport/websocket.js';
import { loadVectors, parseBytes } from './vectors.js';
import { readMessage } from './wire.js';

let server: Server;
let relay: Relay;
let port: number;

beforeEach(async () => {
  server = createServer();
  relay = createRelay().install(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

afterEach(async () => {
  await relay.close();
  expect(relay.stats().tunnels.active).toBe(0);
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});

const hello = parseBytes(loadVectors().hello, new Map());

async function upgradeStatus(protocol: string | undefined): Promise<number | undefined> {
  const asked = request({
    port,
    path: '/trunkline',
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      ...(protocol === undefined ? {} : { 'Sec-WebSocket-Protocol': protocol }),
    },
  });
  asked.end();
  const [response, socket] = await Promise.race([once(asked, 'response'), once(asked, 'upgrade')]);
  response.resume();
  socket?.destroy();
  return response.statusCode;
}

test('R1: an upgrade that does not offer the subprotocol is answered with 400', async () => {
  expect(await upgradeStatus(undefined)).toBe(400);
  expect(await upgradeStatus('trunkline.2, chat')).toBe(400);
  expect(await upgradeStatus('chat, trunkline.1')).toBe(101);
});

test('R2: a dialer says nothing to a server that agreed on nothing', async () => {
  const stranger = new WebSocketServer({ port: 0, handleProtocols: () => false });
  await once(stranger, 'listening');
  const messages: unknown[] = [];
  const left = new Promise<void>((resolve) => {
    stranger.once('connection', (socket) => {
      socket.on('message', (message) => messages.push(message));
      socket.once('close', () => resolve());
    });
  });
  const tunnel = connectTunnel(`ws://127.0.0.1:${(stranger.address() as AddressInfo).port}`);
  expect((await tunnel.closed).code).toBe('CONNECTION_LOST');
  await left;
  expect(messages).toEqual([]);
  stranger.close();
  await once(stranger, 'close');
});

test('R2: nor to one that a page let open without a subprotocol', () => {
  const done: string[] = [];
  const socket: SocketLike = {
    binaryType: '',
    readyState: 1,
    bufferedAmount: 0,
    protocol: '',
    send: () => done.push('send'),
    close: () => done.push('close'),
    addEventListener: () => {},
  };
  new WebSocketConnection(socket).start({
    writable: () => done.push('writable'),
    received: () => {},
    text: () => {},
    closed: () => {},
  });
  expect(done).toEqual(['close']);
});

async function dialRaw(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/trunkline`, ['trunkline.1']);
  await once(socket, 'open');
  return socket;
}

/** What the relay says, and how it closes, once `act` has been done to a socket that is open. */
async function farewell(act: (socket: WebSocket) => void): Promise<{ said: string[]; status: number; reason: string }> {
  const socket = await dialRaw();
  const said: string[] = [];
  socket.on('message', (message: Buffer) => said.push(...readMessage(message).map(({ type }) => type)));
  act(socket);
  const [status, reason] = (await once(socket, 'close')) as [number, Buffer];
  return { said, status, reason: reason.toString() };
}

test('R95: after GOAWAY for a breach the socket closes with 4000', async () => {
  expect(await farewell((socket) => socket.send('text'))).toEqual({
    said: ['GOAWAY'],
    status: 4000,
    reason: 'PROTOCOL',
  });
});

test('R95: after GOAWAY of a relay that shuts down it closes with 1000', async () => {
  const parting = farewell((socket) => {
    socket.send(hello);
    socket.once('message', () => void relay.close());
  });
  expect(await parting).toEqual({ said: ['WELCOME', 'GOAWAY'], status: 1000, reason: 'GOING_AWAY' });
});

test('R95: who receives GOAWAY closes too, and says no GOAWAY back', async () => {
  const goaway = Buffer.concat([Buffer.from('0000000003000018', 'hex'), Buffer.from('{"code":"TUNNEL_CLOSED"}')]);
  const parting = await farewell((socket) => socket.send(goaway));
  expect(parting).toEqual({ said: [], status: 1000, reason: 'TUNNEL_CLOSED' });
});
