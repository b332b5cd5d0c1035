import { expect, test } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, newUid, offsets, open, type RawPeer, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';
import { attackerOf, closePeersAfterEach, peerOf } from './peers.js';

checkLeaksAfterEach();
closePeersAfterEach();

const NAME = 'VAULT';
const OWNER = 'only the listener and its relays know';
const TRY_ID = 1001;

async function holderOf(fixture: RelayFixture, target: object = {}): Promise<RawPeer> {
  const holder = await peerOf(fixture, { endpoint: newUid() });
  holder.send(open(1, { kind: 'listen', name: NAME, ...target }));
  await holder.next(Type.ACCEPT);
  return holder;
}

/** Tries to take the name; resolves with the answer, byte by byte. */
async function tryToTake(fixture: RelayFixture, target: object): Promise<Buffer> {
  const attacker = await attackerOf(fixture, { endpoint: newUid() });
  attacker.send(open(TRY_ID, { kind: 'listen', name: NAME, ...target }));
  const { bytes } = await attacker.next(Type.RESET);
  await attacker.destroy();
  return bytes;
}

/** That who holds the name gets the client. */
async function expectServes(fixture: RelayFixture, holder: RawPeer): Promise<void> {
  const client = await peerOf(fixture);
  client.send(open(1, { kind: 'connect', name: NAME }));
  const { id: offerId, uid } = await holder.nextPayload(Type.OFFER);
  holder.send(open(501, { kind: 'accept', offerId }, { uid }));
  await Promise.all([holder.next(Type.ACCEPT), client.next(Type.ACCEPT)]);
}

const WRONG_OWNERS = {
  none: {},
  'an empty one': { owner: '' },
  'another one': { owner: 'x' },
  'the beginning of the right one': { owner: OWNER.slice(0, -1) },
  'the right one in capitals': { owner: OWNER.toUpperCase() },
  'a wrong one with the highest claim': { owner: 'x', claim: Number.MAX_SAFE_INTEGER },
  'none with the highest claim': { claim: Number.MAX_SAFE_INTEGER },
};

test('taking a held name over with no owner or a wrong one: one answer, NAME_TAKEN, and the holder still serves', async () => {
  const fixture = await startRelay();
  const holder = await holderOf(fixture, { owner: OWNER });
  const answers = new Set<string>();
  for (const target of Object.values(WRONG_OWNERS)) answers.add((await tryToTake(fixture, target)).toString('hex'));
  expect(answers.size).toBe(1);
  expect(Buffer.from([...answers][0] as string, 'hex').toString()).toContain('"NAME_TAKEN"');
  await expectServes(fixture, holder);
});

test('a name without an owner is nobody’s to take over, not even with an empty owner', async () => {
  const fixture = await startRelay();
  const holder = await holderOf(fixture);
  for (const target of Object.values(WRONG_OWNERS))
    expect(String(await tryToTake(fixture, target))).toContain('NAME_TAKEN');
  await expectServes(fixture, holder);
});

test('squatting on the name of a listener that was lost: NAME_TAKEN, and the listener gets it back', async () => {
  const fixture = await startRelay();
  const holder = await holderOf(fixture, { owner: OWNER });
  await holder.terminate();
  await until(() => fixture.relay.stats().names.reserved === 1, 'the name to be reserved');
  for (const target of Object.values(WRONG_OWNERS))
    expect(String(await tryToTake(fixture, target))).toContain('NAME_TAKEN');
  const returned = await holderOf(fixture, { owner: OWNER });
  await expectServes(fixture, returned);
  returned.send(frame(1, Type.END, offsets(0)));
  await returned.next(Type.END_ACK);
});

test('the listener’s own older process cannot take the name back from the newer one', async () => {
  const fixture = await startRelay();
  const older = await peerOf(fixture, { endpoint: newUid() });
  older.send(open(1, { kind: 'listen', name: NAME, owner: OWNER }));
  const { claim } = await older.nextPayload(Type.ACCEPT);
  const newer = await holderOf(fixture, { owner: OWNER });
  expect(await older.nextPayload(Type.RESET)).toMatchObject({ code: 'SUPERSEDED' });
  expect(String(await tryToTake(fixture, { owner: OWNER, claim }))).toContain('"SUPERSEDED"');
  await expectServes(fixture, newer);
});

test('hoarding names: LIMIT_NAMES past what one tunnel may have, and what is given up counts no more', async () => {
  const fixture = await startRelay({ limits: { maxNames: 4 } });
  const attacker = await attackerOf(fixture);
  const ids = [1, 2, 3, 4].map((number) => attacker.open({ kind: 'listen', name: `squat-${number}` }));
  for (const _ of ids) await attacker.next(Type.ACCEPT);
  attacker.open({ kind: 'listen', name: 'squat-5' });
  expect(await attacker.nextPayload(Type.RESET)).toMatchObject({ code: 'LIMIT_NAMES' });
  expect(fixture.relay.servers()).toHaveLength(4);
  attacker.send(frame(ids[0] as number, Type.RESET, { code: 'CANCELED' }));
  attacker.open({ kind: 'listen', name: 'squat-5' });
  await attacker.next(Type.ACCEPT);
  expect(fixture.relay.servers()).not.toContain('squat-1');
});
