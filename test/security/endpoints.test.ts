import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { type StreamListener, TrunklineError, type TunnelStream } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { newUid, open, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { attackerOf, closePeersAfterEach, peerOf } from './peers.js';

checkLeaksAfterEach();
closePeersAfterEach();

const NAME = 'VAULT';
const TRY_ID = 1001;
const randomHex = (): string => randomBytes(16).toString('hex');

/** An honest pair with a stream that can be carried on, and what its client knows of the listener's endpoint. */
async function startVictim() {
  const fixture = await startRelay();
  const secret = randomHex();
  const listener = await peerOf(fixture, { endpoint: secret });
  listener.send(open(1, { kind: 'listen', name: NAME }));
  await listener.next(Type.ACCEPT);
  const client = await peerOf(fixture, { endpoint: randomHex() });
  const key = randomHex();
  const uid = newUid();
  client.send(open(1, { kind: 'connect', name: NAME }, { key, uid }));
  const { id: offerId } = await listener.nextPayload(Type.OFFER);
  listener.send(open(3, { kind: 'accept', offerId }, { key, uid }));
  const { endpoint } = (await client.nextPayload(Type.ACCEPT)) as { endpoint: string };
  await listener.next(Type.ACCEPT);
  return { fixture, listener, client, secret, endpoint, uid };
}

/** It is connected, and still the holder of its name. */
async function expectUndisturbed(fixture: RelayFixture, listener: Awaited<ReturnType<typeof peerOf>>): Promise<void> {
  const client = await peerOf(fixture);
  client.send(open(1, { kind: 'connect', name: NAME }));
  const { id: offerId, uid } = await listener.nextPayload(Type.OFFER);
  listener.send(open(501, { kind: 'accept', offerId }, { uid }));
  await Promise.all([listener.next(Type.ACCEPT), client.next(Type.ACCEPT)]);
}

test('what a client learns of an endpoint is not its secret, and saying it in HELLO takes nothing', async () => {
  const { fixture, listener, secret, endpoint } = await startVictim();
  expect(endpoint).toMatch(/^[0-9a-f]{32}$/);
  expect(endpoint).not.toBe(secret);
  const thief = await attackerOf(fixture, { endpoint });
  expect(thief.isWelcome).toBe(true);
  // Whoever asks for that endpoint still gets to its owner.
  const client = await attackerOf(fixture);
  const resume = { epoch: 1, received: 0, ended: false, proof: randomHex() };
  client.open({ kind: 'resume', endpoint, waitMs: 0 }, { uid: newUid(), resume });
  expect(await listener.nextPayload(Type.OPEN)).toMatchObject({ target: { kind: 'resume' }, resume });
  await thief.settle();
  await expectUndisturbed(fixture, listener);
});

test('a farewell in the name of another: nothing happens for its public id, a guess, or a longer text', async () => {
  const { fixture, listener, endpoint } = await startVictim();
  const address = `${fixture.url.replace('ws:', 'http:')}/farewell`;
  const say = (body: string) => fetch(address, { method: 'POST', body, headers: { Connection: 'close' } });
  // One answer, whether there is such an endpoint or not.
  for (const body of [endpoint, randomHex(), '', 'x'.repeat(32)]) expect((await say(body)).status).toBe(204);
  expect((await say('x'.repeat(100_000)).catch(() => ({ status: 413 }))).status).toBe(413);
  expect((await fetch(address, { headers: { Connection: 'close' } })).status).toBe(405);
  await expectUndisturbed(fixture, listener);
});

test('two that say the same secret: the older connection ends, whoever it is; nobody else notices', async () => {
  const { fixture, listener, secret } = await startVictim();
  const bystander = await peerOf(fixture, { endpoint: randomHex() });
  await attackerOf(fixture, { endpoint: secret });
  expect(await listener.goaway()).toMatchObject({ code: 'CONNECTION_LOST' });
  bystander.send(open(1, { kind: 'listen', name: 'OTHER' }));
  await bystander.next(Type.ACCEPT);
});

test('a re-open of an unknown stream and of a known one without its proof: one answer, byte for byte', async () => {
  const fixture = await startRelay();
  const streams: TunnelStream[] = [];
  const listener: StreamListener = await fixture.listen(NAME, (stream) => streams.push(stream));
  expect(listener).toBeDefined();
  const insider = await peerOf(fixture, { endpoint: randomHex() });
  const uid = newUid();
  insider.send(open(1, { kind: 'connect', name: NAME }, { uid, key: randomHex() }));
  const { endpoint } = await insider.nextPayload(Type.ACCEPT);

  const tries = {
    'a uid that never was': { uid: newUid(), epoch: 1, received: 0, ended: false, proof: randomHex() },
    'a wrong proof': { uid, epoch: 1, received: 0, ended: false, proof: randomHex() },
    'an empty proof': { uid, epoch: 1, received: 0, ended: false, proof: '' },
    'a long proof': { uid, epoch: 1, received: 0, ended: false, proof: 'f'.repeat(128) },
    'an epoch of long ago': { uid, epoch: Number.MAX_SAFE_INTEGER, received: 0, ended: false, proof: randomHex() },
    'offsets that cannot be': { uid, epoch: 1, received: Number.MAX_SAFE_INTEGER, ended: true, proof: randomHex() },
  };
  const answers = new Set<string>();
  for (const { uid: tried, ...resume } of Object.values(tries)) {
    const attacker = await attackerOf(fixture, { endpoint: randomHex() });
    attacker.send(open(TRY_ID, { kind: 'resume', endpoint, waitMs: 0 }, { uid: tried, resume }));
    answers.add((await attacker.next(Type.RESET)).bytes.toString('hex'));
  }
  expect(answers.size).toBe(1);
  expect(Buffer.from([...answers][0] as string, 'hex').toString()).toContain('"RESUME_UNKNOWN"');
  // The stream is where it was.
  const [stream] = streams as [TunnelStream];
  insider.send(Buffer.concat([Buffer.from('0000000120000002', 'hex'), Buffer.from('hi')]));
  const [bytes] = (await once(stream, 'data')) as [Buffer];
  expect(String(bytes)).toBe('hi');
  stream.on('error', (error) => expect(error).toBeInstanceOf(TrunklineError));
  stream.destroy();
});
