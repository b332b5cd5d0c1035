import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, expect } from 'vitest';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { Upgrader } from '../../relay/upgrade.js';
import { DialedWebSocket } from '../../src/node/dialed-websocket.js';
import type { TrunklineError } from '../../src/protocol/errors.js';
import type { Connection, ConnectionEnd, ConnectionHandlers } from '../../src/transport/connection.js';
import { listenOnFreePort } from '../support/free-port.js';
import { until } from '../support/until.js';

/** What a connection told. Received bytes are kept as they were handed out: they must not change afterwards. */
export class Told implements ConnectionHandlers {
  readonly messages: Buffer[] = [];
  readonly ends: TrunklineError[] = [];
  /** What the closing handshake said, of each of `ends`. */
  readonly handshakes: (ConnectionEnd | undefined)[] = [];
  texts = 0;
  writables = 0;
  private parts: Uint8Array[] = [];
  /** Called with each message. */
  onMessage: (message: Buffer) => void = () => {};
  onWritable: () => void = () => {};

  /** Something was told after the end, or nothing at all. */
  readonly breaches: string[] = [];

  writable(): void {
    this.note('writable');
    this.writables++;
    this.onWritable();
  }

  received(bytes: Uint8Array, isLast: boolean): void {
    this.note('received');
    if (bytes.length === 0 && !isLast) this.breaches.push('nothing received');
    this.parts.push(bytes);
    if (!isLast) return;
    const message = Buffer.concat(this.parts);
    this.parts = [];
    this.messages.push(message);
    this.onMessage(message);
  }

  text(): void {
    this.note('text');
    this.texts++;
  }

  closed(error: TrunklineError, end?: ConnectionEnd): void {
    this.note('closed');
    this.ends.push(error);
    this.handshakes.push(end);
  }

  /** Of the message that is still coming. */
  get partialBytes(): number {
    return this.parts.reduce((sum, part) => sum + part.length, 0);
  }

  private note(what: string): void {
    if (this.ends.length > 0) this.breaches.push(`${what} after closed`);
  }
}

/** Our end of a WebSocket, and a peer that is `ws` and nothing else. */
export interface Pair {
  connection: Connection;
  told: Told;
  /** Under `connection`. */
  socket: Socket;
  peer: WebSocket;
  peerSocket: Socket;
}

export interface PairOptions {
  /** Of `ws`, at our end. */
  ws?: object;
  /** Of `ws`, at the other end. */
  peer?: object;
}

const open: { pairs: Pair[]; servers: Server[] } = { pairs: [], servers: [] };

/** Ends what the tests of this file have left open. */
export function closeAfterEach(): void {
  afterEach(async () => {
    for (const { connection, peer } of open.pairs.splice(0)) {
      connection.terminate();
      peer.terminate();
    }
    for (const server of open.servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
}

export async function listen(server: Server): Promise<number> {
  open.servers.push(server);
  return listenOnFreePort(server);
}

export function rawSocket(webSocket: WebSocket): Socket {
  return (webSocket as unknown as { _socket: Socket })._socket;
}

/** A `ws` server that speaks our subprotocol, on `server`. */
export function wsServerOn(server: Server, options: object = {}): WebSocketServer {
  return new WebSocketServer({
    server,
    perMessageDeflate: false,
    handleProtocols: () => 'trunkline.1',
    ...options,
  });
}

export function upgraderOn(server: Server, ws: object, accept: (connection: Connection) => void): void {
  const upgrader = new Upgrader({
    maxMessageBytes: 1024 * 1024,
    ws,
    defectFound: (error) => expect.fail(error.message),
  });
  server.on('upgrade', (request, socket, head) => upgrader.upgrade(request, socket as Socket, head, accept));
}

/** Ours is the server, as at the relay. */
async function serverPair({ ws = {}, peer: peerOptions = {} }: PairOptions): Promise<Pair> {
  const server = createServer();
  const told = new Told();
  let socket!: Socket;
  let connection!: Connection;
  server.on('connection', (incoming: Socket) => {
    socket = incoming;
  });
  upgraderOn(server, ws, (accepted) => {
    connection = accepted;
    connection.start(told);
  });
  const options: ClientOptions = { perMessageDeflate: false, ...peerOptions };
  const peer = new WebSocket(`ws://127.0.0.1:${await listen(server)}`, ['trunkline.1'], options);
  peer.on('error', () => {});
  await once(peer, 'open');
  return { connection, told, socket, peer, peerSocket: rawSocket(peer) };
}

/** Ours is the client, as at a tunnel. */
async function clientPair({ ws = {}, peer: peerOptions = {} }: PairOptions): Promise<Pair> {
  const server = createServer();
  const connected = once(wsServerOn(server, peerOptions), 'connection') as Promise<[WebSocket]>;
  const told = new Told();
  let socket!: Socket;
  const createConnection = (options: { port: number; host: string }): Socket => {
    socket = connect(options.port, options.host);
    return socket;
  };
  const connection = new DialedWebSocket(`ws://127.0.0.1:${await listen(server)}`, {
    createConnection,
    ...ws,
  } as object);
  connection.start(told);
  const [peer] = await connected;
  peer.on('error', () => {});
  await until(() => told.writables > 0, 'an open connection');
  return { connection, told, socket, peer, peerSocket: rawSocket(peer) };
}

async function opened(pair: Promise<Pair>): Promise<Pair> {
  const result = await pair;
  open.pairs.push(result);
  return result;
}

/** `peerMasks`: what the peer sends is masked. */
export const ROLES = [
  { role: 'server', peerMasks: true, openPair: (options: PairOptions = {}) => opened(serverPair(options)) },
  { role: 'client', peerMasks: false, openPair: (options: PairOptions = {}) => opened(clientPair(options)) },
] as const;

/** Both ends have closed; what each has to say of it. */
export async function closing({ peer, told }: Pair): Promise<{ code: number; reason: string; told: string }> {
  const ended = new Promise<{ code: number; reason: string }>((resolve) => {
    peer.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  // A peer that does not read learns nothing.
  peer.resume();
  const end = await ended;
  await until(() => told.ends.length > 0, 'closed');
  return { ...end, told: told.ends[0]!.message };
}
