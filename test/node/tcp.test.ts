import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { type DialTcpOptions, dialTcp } from '../../src/node/tcp.js';
import type { Connection } from '../../src/transport/connection.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { endOf, onWire, startOn } from '../transport/byte-stream-fixture.js';
import { makeCertificate } from './certificate.js';
import { Told } from './framed-fixture.js';

checkLeaksAfterEach();

const MIB = 1024 * 1024;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listen(server: Server, where: object = { port: 0, host: '127.0.0.1' }): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  server.listen(where);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Our ends of what a server takes; they echo. */
function acceptOn(server: Server, event = 'connection'): ReturnType<typeof startOn>[] {
  const accepted: ReturnType<typeof startOn>[] = [];
  server.on(event, (socket: Socket) => {
    const end = startOn(socket, { copiesMessages: false });
    end.told.onMessage = (message) => end.connection.send([message]);
    accepted.push(end);
  });
  return accepted;
}

function dial(options: DialTcpOptions): { connection: Connection; told: Told } {
  const connection = dialTcp(options);
  const told = new Told();
  connection.start(told);
  cleanups.push(() => connection.terminate());
  return { connection, told };
}

async function echoes({ connection, told }: ReturnType<typeof dial>): Promise<void> {
  const sizes = [1, 4_000, 64 * 1024, MIB, 5];
  // At once: what is written while it still connects waits.
  expect(connection.isWritable).toBe(true);
  for (const size of sizes) connection.send([seededBytes(size, 0, size)]);
  expect(connection.isWritable).toBe(false);
  await until(() => told.messages.length === sizes.length, 'the echoes');
  for (const [index, size] of sizes.entries())
    expect(told.messages[index]!.equals(seededBytes(size, 0, size))).toBe(true);
  await until(() => told.writables > 1, 'writable');
}

async function closesInOrder(here: ReturnType<typeof dial>, there: ReturnType<typeof startOn>): Promise<void> {
  here.connection.send([Buffer.from('the last word')]);
  here.connection.close(true, 'TUNNEL_CLOSED');
  expect((await endOf(here.told)).message).toBe('the byte stream closed');
  expect((await endOf(there.told)).message).toBe('the byte stream closed');
  expect(there.told.messages.at(-1)!.toString()).toBe('the last word');
}

describe('over TCP', () => {
  it('messages go both ways, and the end behind them', async () => {
    const server = createServer();
    const accepted = acceptOn(server);
    const here = dial({ port: await listen(server), host: '127.0.0.1' });
    await echoes(here);
    await closesInOrder(here, accepted[0]!);
  });

  it('both directions end on sockets that may be half open', async () => {
    const server = createServer({ allowHalfOpen: true });
    const accepted = acceptOn(server);
    const here = dial({ port: await listen(server), host: '127.0.0.1', allowHalfOpen: true });
    await echoes(here);
    await closesInOrder(here, accepted[0]!);
  });

  it('a port that refuses is told, with the cause', async () => {
    const server = createServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const { told } = dial({ port, host: '127.0.0.1' });
    const error = await endOf(told);
    expect(error.message).toBe(`the byte stream closed: connect ECONNREFUSED 127.0.0.1:${port}`);
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED', port });
  });

  it('a name that leads to several addresses, which all refuse, has a message, too', async () => {
    const lookup = (_host: string, _options: object, found: (...answer: unknown[]) => void): void =>
      found(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.2', family: 4 },
      ]);
    const server = createServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const { told } = dial({ port, host: 'somewhere.example', lookup, autoSelectFamily: true } as DialTcpOptions);
    const refusals = ['127.0.0.1', '127.0.0.2'].map((address) => `connect ECONNREFUSED ${address}:${port}`);
    expect((await endOf(told)).message).toBe(`the byte stream closed: ${refusals.join(', ')}`);
  });

  it('a name that leads nowhere is told', async () => {
    const lookup = (_host: string, _options: object, found: (error: Error) => void): void =>
      found(Object.assign(new Error('made up'), { code: 'ENOTFOUND' }));
    const { told } = dial({ port: 1, host: 'nowhere.example', lookup } as DialTcpOptions);
    expect(await endOf(told)).toMatchObject({
      message: 'the byte stream closed: made up',
      cause: { code: 'ENOTFOUND' },
    });
  });

  it('one that is closed while it connects ends at once', async () => {
    const neverFound = (): void => {};
    const { told, connection } = dial({ port: 1, host: 'slow.example', lookup: neverFound } as DialTcpOptions);
    connection.close(true, '');
    await endOf(told);
  });

  it('a port that makes no sense is thrown', () => {
    expect(() => dialTcp({ port: 100_000 })).toThrow(RangeError);
  });

  it('a reset is told, with the cause', async () => {
    const server = createServer();
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const { told } = dial({ port: await listen(server), host: '127.0.0.1' });
    const [socket] = await connected;
    socket.on('error', () => {});
    socket.resetAndDestroy();
    expect(await endOf(told)).toMatchObject({ cause: { code: 'ECONNRESET' } });
  });

  it('an HTTP server on that port is found out', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    });
    const { told } = dial({ port: await listen(server), host: '127.0.0.1' });
    expect((await endOf(told)).message).toContain('it began with "HTTP/1.1 400 Bad Request');
  });

  it('nothing is delayed, and keep-alive is on', async () => {
    const server = createServer();
    acceptOn(server);
    const asked: string[] = [];
    const port = await listen(server);
    const { Socket: NetSocket } = await import('node:net');
    const { setNoDelay, setKeepAlive } = NetSocket.prototype;
    NetSocket.prototype.setNoDelay = function (noDelay) {
      asked.push(`noDelay ${noDelay}`);
      return setNoDelay.call(this, noDelay);
    };
    NetSocket.prototype.setKeepAlive = function (...given) {
      asked.push(`keepAlive ${given[0]}`);
      return setKeepAlive.apply(this, given);
    };
    try {
      const here = dial({ port, host: '127.0.0.1' });
      await echoes(here);
    } finally {
      Object.assign(NetSocket.prototype, { setNoDelay, setKeepAlive });
    }
    expect(asked).toEqual(expect.arrayContaining(['noDelay true', 'keepAlive true']));
  });

  it('a peer that does not read stops it, however much there is to send', async () => {
    const server = createServer({ pauseOnConnect: true });
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const { connection, told } = dial({ port: await listen(server), host: '127.0.0.1' });
    const [socket] = await connected;
    let sent = 0;
    let most = 0;
    const { stream } = connection as unknown as { stream: Socket };
    const fill = (): void => {
      while (connection.isWritable && sent < 2_000) {
        connection.send([seededBytes(1, 0, 64 * 1024)]);
        sent++;
        most = Math.max(most, stream.writableLength);
      }
    };
    told.onWritable = fill;
    fill();
    // The system's own buffers have been filled once nothing moves for so many turns.
    for (let still = 0, before = sent; still < 200; still = before === sent ? still + 1 : 0) {
      before = sent;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(1_000);
    expect(most).toBeLessThan(128 * 1024 + 65 * 1024);
    socket.resume();
    await until(() => sent === 2_000 && stream.writableLength === 0, 'that the rest leaves', 15_000);
    expect(most).toBeLessThan(128 * 1024 + 65 * 1024);
  });
});

it('over a Unix socket messages go both ways, and one that is not there is told', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'trunkline-unix-'));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'socket');
  const missing = dial({ path });
  expect(await endOf(missing.told)).toMatchObject({ cause: { code: 'ENOENT' } });
  const server = createServer();
  const accepted = acceptOn(server);
  await listen(server, { path });
  const here = dial({ path });
  await echoes(here);
  await closesInOrder(here, accepted[0]!);
});

describe('over TLS', () => {
  const { key, cert } = makeCertificate();

  it('messages go both ways, and the end behind them', async () => {
    const server = createTlsServer({ key, cert });
    const accepted = acceptOn(server, 'secureConnection');
    const here = dial({ port: await listen(server), host: '127.0.0.1', tls: { ca: cert, servername: 'localhost' } });
    await echoes(here);
    await closesInOrder(here, accepted[0]!);
  });

  it('a certificate that nobody vouches for is told', async () => {
    const server = createTlsServer({ key, cert });
    server.on('tlsClientError', () => {});
    acceptOn(server, 'secureConnection');
    const { told } = dial({ port: await listen(server), host: '127.0.0.1', tls: true });
    expect(await endOf(told)).toMatchObject({
      message: 'the byte stream closed: self-signed certificate',
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
  });

  it('a server that speaks the protocol without TLS is told', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write(onWire([]));
    });
    const { told } = dial({ port: await listen(server), host: '127.0.0.1', tls: true });
    const error = await endOf(told);
    expect([error.message, error.cause]).toEqual([expect.stringContaining('wrong version number'), expect.any(Error)]);
  });

  it('without TLS, a TLS server is told', async () => {
    const server = createTlsServer({ key, cert });
    server.on('tlsClientError', () => {});
    const { told } = dial({ port: await listen(server), host: '127.0.0.1' });
    await endOf(told);
    expect(told.messages).toEqual([]);
  });
});
