import { expect, test } from 'vitest';
import type { AuthorizationRequest, Claims } from '../../relay/access.js';
import type { RelayOptions } from '../../relay/options.js';
import { TrunklineError } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, open, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';
import { attackerOf, closePeersAfterEach, peerOf, strangerOf } from './peers.js';

checkLeaksAfterEach();
closePeersAfterEach();

const TRY_ID = 1001;

/** Tokens are the tenant's name and a secret of the application; a tenant has the names that begin with its own. */
const TWO_TENANTS: RelayOptions = {
  authenticate({ token }): Claims {
    const tenant = /^(red|blue):right$/.exec(token ?? '')?.[1];
    if (tenant === undefined) throw new TrunklineError('UNAUTHENTICATED', 'bring a token');
    return { tenant };
  },
  authorize: ({ name, claims }: AuthorizationRequest) => name.startsWith(`${claims.tenant}.`),
};
const RED = { token: 'red:right' };
const BLUE = { token: 'blue:right' };

async function refusal(fixture: RelayFixture, target: object): Promise<string> {
  const attacker = await attackerOf(fixture, BLUE);
  attacker.send(open(TRY_ID, target));
  return (await attacker.next(Type.RESET)).bytes.toString('hex');
}

test('a tenant that asks for another’s names learns nothing of them: FORBIDDEN, byte for byte the same', async () => {
  const fixture = await startRelay(TWO_TENANTS);
  const red = await peerOf(fixture, RED);
  const answers = new Map<string, Set<string>>();
  const askAll = async (): Promise<void> => {
    for (const kind of ['listen', 'connect']) {
      const seen = answers.get(kind) ?? new Set();
      answers.set(kind, seen.add(await refusal(fixture, { kind, name: 'red.files' })));
    }
  };
  await askAll();
  red.send(open(1, { kind: 'listen', name: 'red.files', owner: 'o' }));
  await red.next(Type.ACCEPT);
  await askAll();
  await red.terminate();
  await until(() => fixture.relay.stats().names.reserved === 1, 'the name to be reserved');
  await askAll();
  for (const seen of answers.values()) {
    expect(seen.size).toBe(1);
    expect(Buffer.from([...seen][0] as string, 'hex').toString()).toContain('"FORBIDDEN"');
  }
  // A waiting client is an offer to whoever comes: it must not even wait.
  expect(fixture.relay.stats().connects).toMatchObject({ pending: 0, requested: 0 });
  const back = await peerOf(fixture, RED);
  back.send(open(1, { kind: 'listen', name: 'red.files', owner: 'o' }));
  await back.next(Type.ACCEPT);
});

test('a tenant cannot take another’s offer, whatever it knows of it', async () => {
  const fixture = await startRelay(TWO_TENANTS);
  const [listener, client] = [await peerOf(fixture, RED), await peerOf(fixture, RED)];
  listener.send(open(1, { kind: 'listen', name: 'red.files' }));
  await listener.next(Type.ACCEPT);
  client.send(open(1, { kind: 'connect', name: 'red.files' }));
  const { id: offerId, uid } = await listener.nextPayload(Type.OFFER);
  const thief = await attackerOf(fixture, BLUE);
  thief.open({ kind: 'accept', offerId }, { uid });
  expect(await thief.nextPayload(Type.RESET)).toMatchObject({ code: 'CANCELED' });
  listener.send(open(3, { kind: 'accept', offerId }, { uid }));
  await Promise.all([listener.next(Type.ACCEPT), client.next(Type.ACCEPT)]);
});

test('claims are the relay’s word: a client that puts some into its OPEN has them ignored', async () => {
  const fixture = await startRelay(TWO_TENANTS);
  const listener = await peerOf(fixture, RED);
  listener.send(open(1, { kind: 'listen', name: 'red.files' }));
  await listener.next(Type.ACCEPT);
  const client = await attackerOf(fixture, { ...RED, claims: { tenant: 'blue', admin: true } });
  client.open({ kind: 'connect', name: 'red.files', claims: { admin: true } }, { claims: { admin: true } });
  expect(await listener.nextPayload(Type.OFFER)).toMatchObject({ claims: { tenant: 'red' } });
});

test.each([
  ['no token', {}],
  ['a wrong one', { token: 'red:wrong' }],
  ['an empty one', { token: '' }],
  ['a right one with something behind it', { token: 'red:right\n' }],
])('a stranger with %s is turned away before its streams are looked at, cookies or not', async (_, fields) => {
  const fixture = await startRelay(TWO_TENANTS);
  const headers = { Cookie: 'token=red:right; session=red:right', Authorization: 'Bearer red:right' };
  const attacker = await strangerOf(fixture, { headers });
  attacker.send(
    frame(0, Type.HELLO, { version: 1, ...fields }),
    open(1, { kind: 'listen', name: 'red.files' }),
    open(3, { kind: 'connect', name: 'red.files', waitMs: 60_000 }),
  );
  expect(await attacker.nextPayload(Type.GOAWAY)).toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(attacker.isWelcome).toBe(false);
  expect(fixture.relay.stats()).toMatchObject({ connects: { requested: 0 } });
  expect(fixture.relay.servers()).toEqual([]);
});

test('no secret is shown by what the relay shows: tokens, owners, keys, endpoints, offer ids', async () => {
  const fixture = await startRelay(TWO_TENANTS);
  const secrets = { endpoint: 'e'.repeat(32), owner: 'owner-of-the-name', key: 'd'.repeat(32) };
  const listener = await peerOf(fixture, { ...RED, endpoint: secrets.endpoint });
  listener.send(open(1, { kind: 'listen', name: 'red.files', owner: secrets.owner }));
  await listener.next(Type.ACCEPT);
  const client = await peerOf(fixture, RED);
  client.send(open(1, { kind: 'connect', name: 'red.files' }, { key: secrets.key }));
  const { id: offerId } = await listener.nextPayload(Type.OFFER);
  const shown = JSON.stringify([fixture.relay.stats(), fixture.relay.servers()]);
  for (const secret of [...Object.values(secrets), String(offerId), RED.token]) expect(shown).not.toContain(secret);
});
