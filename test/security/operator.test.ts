import { once } from 'node:events';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { StreamClient, type TunnelStream } from '../../src/index.js';
import { FOR_LOCALHOST } from '../support/certificates.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { deferred } from '../support/until.js';

checkLeaksAfterEach();

const SECRET = 'the cake is under the third stone';
const ANSWER = 'and the fork beside it';

/** Whoever runs a relay sees what it writes to a listener's socket; this writes it down. */
async function tap(fixture: RelayFixture): Promise<{ url: string; seen(): string }> {
  const target = new URL(fixture.url);
  const written: Buffer[] = [];
  const sockets: Socket[] = [];
  const server = createServer((peer) => {
    const relay = connectTcp(Number(target.port), target.hostname);
    sockets.push(peer, relay);
    for (const socket of [peer, relay]) socket.on('error', () => {});
    relay.on('data', (bytes) => written.push(bytes));
    peer.pipe(relay).pipe(peer);
  });
  const port = await listenOnFreePort(server);
  fixture.alsoClose.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return {
    url: `ws://127.0.0.1:${port}${target.pathname}`,
    seen: () => Buffer.concat(written).toString('latin1'),
  };
}

/** A client says its secret to a listener behind the tap, and is answered; resolves with what the relay saw. */
async function exchange(
  fixture: RelayFixture,
  client: (stream: TunnelStream) => Duplex,
  server: (stream: TunnelStream) => Duplex,
): Promise<string> {
  const tapped = await tap(fixture);
  const heard = deferred<string>();
  const onStream = (stream: TunnelStream): void => {
    const end = server(stream).on('error', () => {});
    end.once('data', (said) => {
      heard.resolve(String(said));
      end.end(ANSWER);
    });
  };
  await fixture.listen('DIARY', onStream, {}, fixture.dial({}, tapped.url));
  const stream = StreamClient(fixture.dial({}, tapped.url)).connect('DIARY');
  const end = client(stream);
  end.write(SECRET);
  const [answer] = (await once(end, 'data')) as [Buffer];
  expect([await heard.promise, String(answer)]).toEqual([SECRET, ANSWER]);
  end.destroy();
  stream.destroy();
  return tapped.seen();
}

test('the relay’s operator reads what is sent as it is: names, meta and every byte', async () => {
  const fixture = await startRelay();
  const seen = await exchange(
    fixture,
    (stream) => stream,
    (stream) => stream,
  );
  expect(seen).toContain(SECRET);
  expect(seen).toContain(ANSWER);
  expect(seen).toContain('DIARY');
});

test('with TLS inside the stream the operator sees who talks to whom and how much, and no byte of what', async () => {
  const fixture = await startRelay();
  const seen = await exchange(
    fixture,
    (stream) => connectTls({ socket: stream, ca: [FOR_LOCALHOST.cert], servername: 'localhost' }),
    (stream) => new TLSSocket(stream, { isServer: true, secureContext: createSecureContext(FOR_LOCALHOST) }),
  );
  expect(seen).not.toContain(SECRET);
  expect(seen).not.toContain(ANSWER);
  expect(seen).toContain('DIARY');
  // The tap works: what was sent passed by it, as TLS records.
  expect(seen).toContain('\x17\x03\x03');
});
