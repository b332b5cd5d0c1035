import { expect, test } from 'vitest';
import type { RelayOptions } from '../../relay/options.js';
import type { Attacker } from '../support/attacker.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, newUid, open, type RawPeer, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { attackerOf, closePeersAfterEach, peerOf } from './peers.js';

checkLeaksAfterEach();
closePeersAfterEach();

/** Above all others. */
const TRY_ID = 1001;
/** A frame's stream id is what who asked has chosen; all the rest is the answer. */
const ID_BYTES = 4;
const NAME = 'VAULT';

/** A name with its owner, and a client that has been offered to it. */
async function startOffered(options: RelayOptions = {}) {
  const fixture = await startRelay(options);
  const [owner, client] = [await peerOf(fixture), await peerOf(fixture)];
  owner.send(open(1, { kind: 'listen', name: NAME, owner: 'secret of the owner' }));
  await owner.next(Type.ACCEPT);
  client.send(open(1, { kind: 'connect', name: NAME }));
  const { id: offerId, uid } = (await owner.nextPayload(Type.OFFER)) as { id: string; uid: string };
  return { fixture, owner, client, offerId, uid };
}

/** Tries to take an offer; resolves with the answer, byte by byte. */
async function tryToAccept(peer: Attacker, offerId: string, uid: string): Promise<string> {
  peer.send(open(TRY_ID, { kind: 'accept', offerId }, { uid }));
  return (await peer.next(Type.RESET)).bytes.subarray(ID_BYTES).toString('hex');
}

async function ownerTries(owner: RawPeer, offerId: string, uid: string, tryId = TRY_ID): Promise<string> {
  owner.send(open(tryId, { kind: 'accept', offerId }, { uid }));
  const { id, type, payload } = await owner.next(Type.RESET);
  return frame(id, type, payload).subarray(ID_BYTES).toString('hex');
}

/** What whoever asks for an offer that never was gets. */
async function answerToNonsense(fixture: RelayFixture): Promise<string> {
  return tryToAccept(await attackerOf(fixture), newUid(), newUid());
}

test('a stolen offer id, with the right uid, on another connection: the answer to nonsense, and the owner still accepts', async () => {
  const { fixture, owner, client, offerId, uid } = await startOffered();
  const nonsense = await answerToNonsense(fixture);
  expect(await tryToAccept(await attackerOf(fixture), offerId, uid)).toBe(nonsense);
  // Somebody who holds a name as well is nobody else.
  const other = await attackerOf(fixture);
  other.send(open(1, { kind: 'listen', name: 'MINE' }));
  await other.next(Type.ACCEPT);
  expect(await tryToAccept(other, offerId, uid)).toBe(nonsense);
  owner.send(open(3, { kind: 'accept', offerId }, { uid }));
  await Promise.all([owner.next(Type.ACCEPT), client.next(Type.ACCEPT)]);
});

test('a hundred guessed offer ids, neighbours of the right one among them: one answer, and the owner still accepts', async () => {
  const { fixture, owner, client, offerId, uid } = await startOffered();
  const nonsense = await answerToNonsense(fixture);
  const guesses = Array.from({ length: 100 }, (_, index) => {
    const at = index % offerId.length;
    const digit = ((Number.parseInt(offerId[at] as string, 16) + 1 + (index % 15)) % 16).toString(16);
    return offerId.slice(0, at) + digit + offerId.slice(at + 1);
  });
  for (const guess of [...guesses, offerId.toUpperCase(), `${offerId} `, '', 'x'.repeat(128)]) {
    if (guess === offerId) continue;
    const attacker = await attackerOf(fixture);
    expect(await tryToAccept(attacker, guess, uid)).toBe(nonsense);
    await attacker.destroy();
  }
  owner.send(open(3, { kind: 'accept', offerId }, { uid }));
  await Promise.all([owner.next(Type.ACCEPT), client.next(Type.ACCEPT)]);
});

test('an offer answered for another stream, used, or used by a thief: the answer to nonsense', async () => {
  const { fixture, owner, client, offerId, uid } = await startOffered();
  const nonsense = await answerToNonsense(fixture);
  expect(await tryToAccept(await attackerOf(fixture), offerId, newUid())).toBe(nonsense);
  // Not even by whom it was made to.
  expect(await ownerTries(owner, offerId, newUid(), 3)).toBe(nonsense);
  owner.send(open(5, { kind: 'accept', offerId }, { uid }));
  await Promise.all([owner.next(Type.ACCEPT), client.next(Type.ACCEPT)]);
  expect(await tryToAccept(await attackerOf(fixture), offerId, uid)).toBe(nonsense);
  expect(await ownerTries(owner, offerId, uid)).toBe(nonsense);
});

test('an expired offer and a withdrawn one: the answer to nonsense, even for the owner', async () => {
  const { fixture, owner, client, offerId, uid } = await startOffered({ limits: { acceptTimeoutMs: 50 } });
  const nonsense = await answerToNonsense(fixture);
  expect(await client.nextPayload(Type.RESET)).toMatchObject({ code: 'ACCEPT_TIMEOUT' });
  expect(await tryToAccept(await attackerOf(fixture), offerId, uid)).toBe(nonsense);
  expect(await ownerTries(owner, offerId, uid)).toBe(nonsense);
});

test('an offer whose client gave up: the answer to nonsense', async () => {
  const { fixture, owner, client, offerId, uid } = await startOffered();
  const nonsense = await answerToNonsense(fixture);
  client.send(frame(1, Type.RESET, { code: 'CANCELED' }));
  await client.next(Type.CLOSE);
  expect(await ownerTries(owner, offerId, uid)).toBe(nonsense);
});

test('the offer of a listener that was superseded: the answer to nonsense, and the new holder is offered it anew', async () => {
  const { fixture, owner, client, offerId, uid } = await startOffered();
  const nonsense = await answerToNonsense(fixture);
  const next = await peerOf(fixture);
  next.send(open(1, { kind: 'listen', name: NAME, owner: 'secret of the owner' }));
  const again = (await next.nextPayload(Type.OFFER)) as { id: string; uid: string };
  expect(again).toMatchObject({ uid });
  expect(again.id).not.toBe(offerId);
  expect(await owner.nextPayload(Type.RESET)).toMatchObject({ code: 'SUPERSEDED' });
  expect(await ownerTries(owner, offerId, uid)).toBe(nonsense);
  expect(await ownerTries(owner, again.id, uid).catch(String)).toBe(
    // The id has been used on this connection before: a breach, and the new holder is not troubled by it.
    'Error: the connection closed before a frame of type 18 came',
  );
  next.send(open(3, { kind: 'accept', offerId: again.id }, { uid }));
  await Promise.all([next.next(Type.ACCEPT), client.next(Type.ACCEPT)]);
});
