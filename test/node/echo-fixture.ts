import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, expect } from 'vitest';
import { WebSocket } from 'ws';
import { dialConnection } from '../../src/runtime/dial-connection.js';
import type { Connection } from '../../src/transport/connection.js';
import { listenOnFreePort } from '../support/free-port.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { listen, Told, upgraderOn } from './framed-fixture.js';

/** What to do after each test. */
export const cleanups: (() => unknown)[] = [];

export function cleanUpAfterEach(): void {
  afterEach(() => Promise.all(cleanups.splice(0).map((cleanup) => cleanup())));
}

export function dial(port: number, ws: object = {}, scheme = 'ws'): { connection: Connection; told: Told } {
  const told = new Told();
  const connection = dialConnection(`${scheme}://localhost:${port}`, { ws: { family: 4, ...ws } });
  cleanups.push(() => connection.terminate());
  connection.start(told);
  return { connection, told };
}

/** Our server on `server`, every message of which comes back. */
export async function startEcho(
  ws: object = {},
  server: Server = createServer(),
): Promise<{ port: number; connections: Connection[] }> {
  const connections: Connection[] = [];
  upgraderOn(server, ws, (connection) => {
    connections.push(connection);
    const told = new Told();
    told.onMessage = (message) => connection.send([message]);
    connection.start(told);
  });
  return { port: await listen(server), connections };
}

/** Through a server that sends everything back. */
export async function echoes(connection: Connection, told: Told): Promise<void> {
  await until(() => told.writables > 0, 'an open connection');
  const sent = [0, 5, 10_000, 200_000].map((size) => seededBytes(size, 0, size));
  for (const message of sent) connection.send([message]);
  await until(() => told.messages.length === sent.length, 'the echoes');
  for (const [index, message] of sent.entries()) expect(told.messages[index]!.equals(message)).toBe(true);
}

/** The same with a client that is `ws`. */
export async function peerEchoes(port: number, options: object = {}): Promise<WebSocket> {
  const peer = new WebSocket(`ws://127.0.0.1:${port}`, ['trunkline.1'], { perMessageDeflate: false, ...options });
  cleanups.push(() => peer.terminate());
  await once(peer, 'open');
  for (const size of [0, 5, 10_000, 200_000]) {
    const echoed = once(peer, 'message') as Promise<[Buffer]>;
    peer.send(seededBytes(size, 0, size));
    expect((await echoed)[0].equals(seededBytes(size, 0, size))).toBe(true);
  }
  return peer;
}

/** A server that answers requests by hand. */
export async function startTcp(answer: (socket: Socket, request: string) => void): Promise<number> {
  const server = createTcpServer((socket) => {
    let request = '';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      request += chunk.toString('latin1');
      if (!request.includes('\r\n\r\n')) return;
      socket.removeAllListeners('data');
      answer(socket, request);
    });
    cleanups.push(() => socket.destroy());
  });
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return listenOnFreePort(server);
}

/** What a server of WebSockets answers. */
export function switching(request: string, protocol = 'trunkline.1'): string {
  const key = /sec-websocket-key: (.+)\r\n/i.exec(request)![1];
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const fields = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
  return ['HTTP/1.1 101 Switching Protocols', ...fields, `Sec-WebSocket-Protocol: ${protocol}`, '', ''].join('\r\n');
}
