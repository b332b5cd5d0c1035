// tcp-stream-muxer: many streams over one TCP connection. Its document, ported and run for real.
// More of them than fit into a byte: tcp-stream-muxer-ids.test.ts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, duplexPair, Transform } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import {
  connectDuplex,
  connectPort,
  receiveFile,
  sendFile,
  type Tunnel,
  TunnelAcceptor,
  type TunnelAcceptorOptions,
  type TunnelStream,
} from '../../src/index.js';
import type { PortLike } from '../../src/runtime/transports.js';
import { connectTcp, listenTcp } from '../../src/sdk-node/index.js';
import {
  cleanups,
  echoOf,
  echoStreams,
  endTunnelsAfterEach,
  networkTo,
  portOf,
  serveTcp,
  tcpPair,
  track,
  trackDialed,
} from '../sdk-node/tunnel-fixture.js';
import { FOR_ADDRESS, FOR_LOCALHOST } from '../support/certificates.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { readSeeded, seededBytes, seededSha256, writeSeeded } from '../support/seeded-bytes.js';
import { deferred, until } from '../support/until.js';

checkLeaksAfterEach();
endTunnelsAfterEach();

const MIB = 1024 * 1024;
const META = { type: 'update', file: 'xy.js' };

function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-references-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A transfer there and back at once, every byte checked. */
async function carries(tunnel: Tunnel, bytes: number, atHalf = (): void => {}): Promise<void> {
  const stream = tunnel.createStream();
  let left = bytes / 2;
  stream.on('data', (chunk: Buffer) => {
    if (left > 0 && left <= chunk.length) atHalf();
    left -= chunk.length;
  });
  const [echo] = await Promise.all([readSeeded(stream, bytes), writeSeeded(stream, bytes, bytes)]);
  expect(echo).toEqual({ bytes, sha256: seededSha256(bytes, bytes) });
}

describe('the examples of its README', () => {
  it('the server creates a stream, and the client accepts it', async () => {
    const { server } = track(listenTcp({ port: 0, host: '127.0.0.1' }));
    await once(server, 'listening');
    server.on('tunnel.open', (con: Tunnel) => {
      con.createStream({ meta: META }, (stream) => {
        stream.end(Buffer.from("console.log('Hello');"));
      });
    });

    const client = trackDialed(connectTcp(portOf(server), '127.0.0.1'));
    const [stream] = (await once(client, 'stream')) as [TunnelStream];
    expect(stream.meta).toEqual(META);
    stream.end();
    expect(String(Buffer.concat(await stream.toArray()))).toBe("console.log('Hello');");
  });

  it('the client creates a stream, and the server accepts it', async () => {
    const got = deferred<unknown[]>();
    const { server } = track(listenTcp({ port: 0, host: '127.0.0.1' }));
    server.on('tunnel.open', (con: Tunnel) => {
      con.on('stream', (stream: TunnelStream) => {
        stream.on('data', (data: Buffer) => got.resolve([stream.meta, String(data)]));
        stream.end();
      });
    });
    await once(server, 'listening');

    const client = trackDialed(connectTcp(portOf(server), '127.0.0.1'));
    client.on('open', () => {
      client.createStream({ meta: META }, (stream) => {
        stream.resume().end(Buffer.from("console.log('Hello');"));
      });
    });
    expect(await got.promise).toEqual([META, "console.log('Hello');"]);
  });
});

describe('createStream(meta, callback)', () => {
  it('the callback is fired when the other side has created the stream, with the stream', async () => {
    const { client, con } = await tcpPair();
    const order: string[] = [];
    con.on('stream', (stream: TunnelStream) => {
      order.push('created');
      stream.end().resume();
    });
    const acknowledged = deferred<TunnelStream>();
    const stream = client.createStream({ meta: META }, acknowledged.resolve);
    order.push('asked');
    expect(await acknowledged.promise).toBe(stream);
    expect(order).toEqual(['asked', 'created']);
    stream.end().resume();
  });

  it('the callback is not fired for a stream that is refused', async () => {
    const { client } = await tcpPair();
    let isFired = false;
    const stream = client.createStream({}, () => {
      isFired = true;
    });
    // Nobody listens to 'stream' there.
    await expect(stream.opened).rejects.toMatchObject({ code: 'REFUSED' });
    expect(isFired).toBe(false);
  });

  it.each([[null], ['text'], [7], [[1, 2]], [{ deep: { er: [true] } }]])(
    'stream.meta is any JSON value: %j',
    async (meta) => {
      const { client, con } = await tcpPair();
      const accepted = once(con, 'stream') as Promise<[TunnelStream]>;
      const near = client.createStream({ meta });
      const [far] = await accepted;
      expect(far.meta).toEqual(meta);
      for (const stream of [near, far]) stream.end().resume();
    },
  );

  it('meta that is given without its name, is too large, or is no JSON, is an error and no stream', async () => {
    const { client } = await tcpPair();
    expect(() => client.createStream(META as object)).toThrow('createStream takes { meta, resume }, and not type');
    expect(() => client.createStream({ meta: 'x'.repeat(9000) })).toThrow(
      expect.objectContaining({ code: 'LIMIT_BYTES' }),
    );
    expect(() => client.createStream({ meta: 1n })).toThrow(TypeError);
  });
});

describe('streams', () => {
  it('data, end: half-close is real, and both sides may be piped and chained', async () => {
    const { client, con } = await tcpPair();
    con.on('stream', (stream: TunnelStream) => {
      const upper = new Transform({ transform: (chunk, _encoding, done) => done(null, String(chunk).toUpperCase()) });
      stream.pipe(upper).pipe(stream);
    });
    expect(await echoOf(client.createStream(), 'chained')).toBe('CHAINED');
  });

  it('error and close come through', async () => {
    const { client, con } = await tcpPair();
    con.on('stream', (stream: TunnelStream) => stream.on('error', () => {}).destroy(new Error('made up')));
    const stream = client.createStream();
    const events: unknown[] = [];
    stream.on('error', ({ message }) => events.push('error', message)).on('close', () => events.push('close'));
    await until(() => events.includes('close'), 'the end');
    expect(events).toEqual(['error', 'made up', 'close']);
  });

  it('slices are never wrong: 4 MiB in writes of every size, of both sides at once', async () => {
    const { client, con } = await tcpPair();
    for (const tunnel of [client, con]) echoStreams(tunnel);
    await Promise.all([carries(client, 4 * MIB), carries(con, 4 * MIB + 1), carries(client, 1)]);
  });
});

describe('leakage', () => {
  it('heapUsed stays where it is, however many bytes and streams have come and gone', async () => {
    const { client, con } = await tcpPair();
    con.on('stream', (stream: TunnelStream) => stream.resume().end());
    const chunk = seededBytes(1, 0, 64 * 1024);
    const some = async (): Promise<number> => {
      const stream = client.createStream();
      for (let sent = 0; sent < 32 * MIB; sent += chunk.length) if (!stream.write(chunk)) await once(stream, 'drain');
      stream.resume().end();
      await once(stream, 'close');
      for (let count = 0; count < 500; count++) {
        const short = client.createStream();
        short.resume().end();
        await once(short, 'close');
      }
      (globalThis.gc as () => void)();
      return process.memoryUsage().heapUsed;
    };
    await some();
    const before = await some();
    let after = 0;
    for (let round = 0; round < 3; round++) after = await some();
    expect(after - before).toBeLessThan(2 * MIB);
  });
});

describe('overhead', () => {
  it('on the socket, a bulk transfer is its payload and less than a hundredth', async () => {
    const { server } = await serveTcp();
    const proxy = await networkTo(`ws://127.0.0.1:${portOf(server)}`);
    server.on('tunnel.open', (con: Tunnel) => con.on('stream', (stream: TunnelStream) => stream.resume().end()));
    const client = trackDialed(connectTcp(Number(new URL(proxy.url).port), '127.0.0.1'));
    await client.opened;
    const before = proxy.counters.toRelayBytes;
    const stream = client.createStream();
    await writeSeeded(stream, 1, 8 * MIB);
    await once(stream.resume(), 'close');
    const overhead = (proxy.counters.toRelayBytes - before) / (8 * MIB) - 1;
    expect(overhead).toBeGreaterThan(0);
    expect(overhead).toBeLessThan(0.01);
    expect(client.bytesSent).toBeGreaterThan(8 * MIB);
  });
});

it('util: sendFile and receiveFile', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'source.bin'), seededBytes(3, 0, 3 * MIB));
  const { client, con } = await tcpPair();
  const received = (async () => {
    const [stream] = (await once(con, 'stream')) as [TunnelStream];
    return receiveFile(stream, join(folder, 'saved.bin'));
  })();
  const sent = await sendFile(client.createStream(), join(folder, 'source.bin'));
  expect(await received).toMatchObject({ sizeBytes: 3 * MIB, sha256: seededSha256(3, 3 * MIB) });
  expect(sent).toMatchObject({ sha256: seededSha256(3, 3 * MIB) });
});

describe('over', () => {
  it('TCP, and a cut: it comes back to the same tunnel', async () => {
    const { server, accepted } = await serveTcp();
    const proxy = await networkTo(`ws://127.0.0.1:${portOf(server)}`);
    const client = trackDialed(connectTcp(Number(new URL(proxy.url).port), '127.0.0.1'));
    await client.opened;
    echoStreams(accepted[0]!);
    await carries(client, 8 * MIB, () => proxy.cut());
    expect([accepted.length, proxy.counters.accepted]).toEqual([1, 2]);
  });

  it('a port that nobody listens on: CONNECTION_LOST', async () => {
    const { server } = await serveTcp();
    const port = portOf(server);
    await server.close();
    const client = trackDialed(connectTcp(port, '127.0.0.1'));
    await expect(client.opened).rejects.toMatchObject({ code: 'CONNECTION_LOST', cause: { code: 'ECONNREFUSED' } });
  });

  it('a Unix socket', async () => {
    const path = join(tempFolder(), 'socket');
    const { server, accepted } = await serveTcp({}, path);
    expect(server.address()).toBe(path);
    const client = trackDialed(connectTcp(path));
    await client.opened;
    echoStreams(accepted[0]!);
    await carries(client, MIB);
  });

  it('TLS, with its certificate checked', async () => {
    const { server, accepted } = await serveTcp({ tls: FOR_ADDRESS });
    const port = portOf(server);
    const client = trackDialed(connectTcp({ port, host: '127.0.0.1', tls: { ca: FOR_ADDRESS.cert } }));
    await client.opened;
    echoStreams(accepted[0]!);
    await carries(client, MIB);
    const stranger = trackDialed(connectTcp({ port, host: '127.0.0.1', tls: { ca: FOR_LOCALHOST.cert } }));
    await expect(stranger.opened).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    const trusting = trackDialed(connectTcp({ port, host: '127.0.0.1', tls: { rejectUnauthorized: false } }));
    await trusting.opened;
  });

  it("a child's stdio", async () => {
    const file = fileURLToPath(new URL('stdio-tunnel-child.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', file, 'Max'], { stdio: ['pipe', 'pipe', 'inherit'] });
    cleanups.push(() => child.kill('SIGKILL'));
    const tunnel = trackDialed(connectDuplex(Duplex.from({ readable: child.stdout, writable: child.stdin })));
    const [stream] = (await once(tunnel, 'stream')) as [TunnelStream];
    expect(stream.meta).toEqual({ from: 'Max' });
    expect(await echoOf(stream, '')).toBe('hello from the child');
    await carries(tunnel, MIB);
    tunnel.close();
    // Its stdin has ended, and nothing else keeps it.
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('any Duplex, which cannot come back, or a function that makes one', async () => {
    const { server: acceptor, accepted } = acceptorThatEchoes();
    const [here, there] = duplexPair() as [Duplex, Duplex];
    acceptor.acceptDuplex(there);
    const single = trackDialed(connectDuplex(here));
    await carries(single, MIB);
    here.destroy(new Error('made up'));
    expect(await single.closed).toMatchObject({ code: 'CONNECTION_LOST' });
    there.destroy();
    expect(() => connectDuplex(here, { keepBrokenTunnelMs: 1 })).toThrow(TypeError);

    const ends: Duplex[] = [];
    const lasting = trackDialed(
      connectDuplex(() => {
        const pair = duplexPair() as [Duplex, Duplex];
        acceptor.acceptDuplex(pair[1]);
        ends.push(...pair);
        return pair[0];
      }),
    );
    await carries(lasting, 4 * MIB, () => {
      for (const end of ends) end.destroy();
    });
    expect([ends.length, accepted.length]).toEqual([4, 2]);
  });

  it('a MessagePort', async () => {
    const { server: acceptor } = acceptorThatEchoes();
    const { port1, port2 } = new MessageChannel();
    acceptor.acceptPort(port2 as PortLike);
    const tunnel = trackDialed(connectPort(port1 as PortLike));
    await carries(tunnel, 2 * MIB);
    tunnel.close();
    await once(port2, 'close');
  });

  it('a Worker', async () => {
    const worker = new Worker(new URL('port-tunnel-worker.mjs', import.meta.url));
    cleanups.push(() => worker.terminate());
    const tunnel = trackDialed(connectPort(worker as unknown as PortLike));
    await carries(tunnel, 2 * MIB);
    tunnel.close();
  });
});

function acceptorThatEchoes(options?: TunnelAcceptorOptions) {
  return track(new TunnelAcceptor(options, echoStreams));
}
