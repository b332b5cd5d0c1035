import { expect, test } from 'vitest';
import type { Attacker } from '../support/attacker.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, newUid, open, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';
import { attackerOf, closePeersAfterEach, peerOf, strangerOf } from './peers.js';

checkLeaksAfterEach();
closePeersAfterEach();

const SHORT_MS = 100;

/** One byte in each turn of the event loop, for as long as there is somebody to take it. */
async function drip(attacker: Attacker, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length && !attacker.isOver; at++) {
    attacker.sendBytes(bytes.subarray(at, at + 1));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A WebSocket frame that holds a HELLO, whose end is far away. */
const ENDLESS_HELLO = Buffer.concat([
  // Binary, masked by zeros, 16,000 bytes.
  Buffer.from('82fe3e8000000000', 'hex'),
  frame(0, Type.HELLO, { version: 1, token: 'x'.repeat(15_900) }),
]);

test('nothing said after the upgrade: HANDSHAKE_TIMEOUT, and the socket is cut though its peer never closes', async () => {
  const fixture = await startRelay({ handshakeTimeoutMs: SHORT_MS });
  const attacker = await strangerOf(fixture);
  const { goaway, closeCode } = await attacker.ended;
  expect([goaway, closeCode]).toEqual(['HANDSHAKE_TIMEOUT', 4000]);
});

test('a HELLO that comes byte by byte has the same deadline: HANDSHAKE_TIMEOUT', async () => {
  const fixture = await startRelay({ handshakeTimeoutMs: SHORT_MS });
  const attacker = await strangerOf(fixture);
  const dripping = drip(attacker, ENDLESS_HELLO);
  expect(await attacker.nextPayload(Type.GOAWAY)).toMatchObject({ code: 'HANDSHAKE_TIMEOUT' });
  await attacker.destroy();
  await dripping;
});

test('a hundred half-open sockets: each is cut, and nothing is left of them', async () => {
  const fixture = await startRelay({ handshakeTimeoutMs: SHORT_MS });
  const strangers = await Promise.all(Array.from({ length: 100 }, () => strangerOf(fixture)));
  const codes = await Promise.all(strangers.map((stranger) => stranger.nextPayload(Type.GOAWAY)));
  expect(new Set(codes.map(({ code }) => code))).toEqual(new Set(['HANDSHAKE_TIMEOUT']));
  await Promise.all(strangers.map((stranger) => stranger.destroy()));
  await until(() => fixture.relay.stats().tunnels.active === 0, 'all of them to be forgotten');
});

test('a peer that is silent after the handshake is given up: CONNECTION_LOST', async () => {
  const fixture = await startRelay({ heartbeat: { intervalMs: SHORT_MS, timeoutMs: SHORT_MS } });
  const attacker = await attackerOf(fixture);
  expect(await attacker.nextPayload(Type.GOAWAY)).toMatchObject({ code: 'CONNECTION_LOST' });
});

test('a listener that never accepts: its clients have a deadline, and only so many wait', async () => {
  const fixture = await startRelay({ limits: { acceptTimeoutMs: SHORT_MS, maxPendingPerName: 3 } });
  const listener = await attackerOf(fixture);
  listener.open({ kind: 'listen', name: 'TRAP' });
  await listener.next(Type.ACCEPT);
  const codes: unknown[] = [];
  for (let count = 0; count < 4; count++) {
    const client = await peerOf(fixture);
    client.send(open(1, { kind: 'connect', name: 'TRAP' }));
    if (count === 3) codes.push((await client.nextPayload(Type.RESET)).code);
    else void client.nextPayload(Type.RESET).then(({ code }) => codes.push(code));
  }
  expect(codes).toContain('LIMIT_STREAMS');
  await until(() => codes.length === 4, 'all to be answered');
  expect(codes.toSorted()).toEqual(['ACCEPT_TIMEOUT', 'ACCEPT_TIMEOUT', 'ACCEPT_TIMEOUT', 'LIMIT_STREAMS']);
});

test('a re-open that waits for an endpoint that never comes has a deadline, and only so many wait', async () => {
  const fixture = await startRelay({ limits: { maxWaitMs: SHORT_MS, maxPendingResumes: 2 } });
  const attacker = await attackerOf(fixture);
  const resume = { epoch: 1, received: 0, ended: false, proof: 'p' };
  for (let count = 0; count < 3; count++)
    attacker.open({ kind: 'resume', endpoint: newUid(), waitMs: 2 ** 50 }, { resume });
  const codes: unknown[] = [];
  for (let count = 0; count < 3; count++) codes.push((await attacker.nextPayload(Type.RESET)).code);
  expect(codes).toEqual(['LIMIT_STREAMS', 'RESUME_EXPIRED', 'RESUME_EXPIRED']);
});

test('a peer that asks for answers and reads none: LIMIT_RATE, and others notice nothing', async () => {
  const fixture = await startRelay();
  const attacker = await attackerOf(fixture);
  attacker.stopReading();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(0, Type.PING, Buffer.alloc(8))));
  await until(() => {
    if (fixture.relay.stats().tunnels.active > 0 && attacker.socket.writableLength < 1_000_000) attacker.send(pings);
    return isCut(fixture);
  }, 'the relay to end the connection');
  const honest = await peerOf(fixture);
  honest.send(frame(0, Type.PING, Buffer.alloc(8)));
  await honest.next(Type.PONG);
});

const isCut = ({ relay }: RelayFixture): boolean => relay.stats().tunnels.active === 0;
