/** Protocols that were made for sockets, unchanged over a stream whose connections are cut. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { type OnStream, StreamClient, type TunnelStream } from '../../src/index.js';
import { FOR_LOCALHOST } from '../support/certificates.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, seededReadable, seededSha256 } from '../support/seeded-bytes.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

const MIB = 2 ** 20;
const LENGTH = 24 * MIB;
const SEED = 22;

/** A listener and a client, each behind a proxy that cuts it. */
async function start(onStream: OnStream) {
  const fixture = await startRelay();
  const proxies = [await TcpProxy.start(fixture.url), await TcpProxy.start(fixture.url)] as const;
  const [listener, client] = proxies.map((proxy) => fixture.dial({}, proxy.url));
  fixture.alsoClose.push(() => Promise.all(proxies.map((proxy) => proxy.close())));
  let resumed = 0;
  client!.on('resume', () => resumed++);
  await fixture.listen('service', onStream, {}, listener);
  return {
    connect: (): TunnelStream => StreamClient(client!).connect('service'),
    /** Cuts everything each time that so many more bytes have come to the client; resolves with how often it came back. */
    async cutTwice(): Promise<() => number> {
      for (let count = 0; count < 2; count++) {
        const goal = proxies[1].counters.toPeerBytes + LENGTH / 4;
        await until(() => proxies[1].counters.toPeerBytes >= goal, 'bytes to be under way', 30_000);
        for (const proxy of proxies) proxy.cut();
      }
      return () => resumed;
    },
  };
}

test('http.request: a large answer, kept alive for the next request', { timeout: 60_000 }, async () => {
  const server = createServer((incoming, response) => {
    if (incoming.url === '/large') return void seededReadable(SEED, LENGTH).pipe(response);
    incoming.resume().on('end', () => response.end(`${incoming.method} ${incoming.url}`));
  });
  const { connect, cutTwice } = await start((stream) => void server.emit('connection', stream));
  const stream = connect();
  const get = async (path: string, options = {}) => {
    const outgoing = request({
      path,
      createConnection: () => stream,
      headers: { Connection: 'keep-alive' },
      ...options,
    });
    outgoing.end();
    const [response] = await once(outgoing, 'response');
    return response;
  };
  const [large, resumed] = await Promise.all([
    get('/large').then((response) => readSeeded(response, SEED)),
    cutTwice(),
  ]);
  expect(large).toEqual({ bytes: LENGTH, sha256: seededSha256(SEED, LENGTH) });
  expect(resumed()).toBe(2);
  expect(await text(await get('/next', { headers: { Connection: 'close' } }))).toBe('GET /next');
  stream.destroy();
});

test('tls.connect: both ends are who they say, and neither sees a cut', { timeout: 60_000 }, async () => {
  const { key, cert } = FOR_LOCALHOST;
  const { connect, cutTwice } = await start((stream) => {
    const secure = new TLSSocket(stream, { isServer: true, secureContext: createSecureContext({ key, cert }) });
    secure.on('error', () => {});
    secure.once('data', (question) => {
      expect(String(question)).toBe('all of it');
      seededReadable(SEED, LENGTH).pipe(secure);
    });
  });
  const stream = connect();
  const secure = connectTls({ socket: stream, ca: cert, servername: 'localhost' });
  await once(secure, 'secureConnect');
  expect(secure.authorized).toBe(true);
  secure.write('all of it');
  const [read, resumed] = await Promise.all([readSeeded(secure, SEED), cutTwice()]);
  expect(read).toEqual({ bytes: LENGTH, sha256: seededSha256(SEED, LENGTH) });
  expect(resumed()).toBe(2);
  secure.end();
  await until(() => stream.closed, 'the stream to be closed');
});

test('a command, its end, and a long answer afterwards, as over ssh', { timeout: 60_000 }, async () => {
  const commands: string[] = [];
  const { connect, cutTwice } = await start((stream) => {
    const hash = createHash('sha256');
    stream.on('data', (chunk) => hash.update(chunk));
    // Nothing is answered before the command has ended.
    stream.on('end', () => {
      commands.push(hash.digest('hex'));
      seededReadable(SEED, LENGTH).pipe(stream);
    });
  });
  const stream = connect();
  let finished = false;
  stream.on('finish', () => {
    finished = true;
  });
  seededReadable(1, MIB).pipe(stream);
  const [read, resumed] = await Promise.all([readSeeded(stream, SEED), cutTwice()]);
  expect(read).toEqual({ bytes: LENGTH, sha256: seededSha256(SEED, LENGTH) });
  expect(commands).toEqual([seededSha256(1, MIB)]);
  expect(finished).toBe(true);
  expect(resumed()).toBe(2);
});
