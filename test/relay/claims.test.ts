import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { Claims } from '../../relay/access.js';
import { lifetimeOf, toClaims } from '../../relay/claims.js';
import { StreamServer, type TrunklineError } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { RawPeer } from '../support/raw-peer.js';
import { startRelay } from '../support/relay-fixture.js';

checkLeaksAfterEach();

const returning = (value: unknown) => ({ authenticate: () => value as Claims });
/** What is no Promise, and may be awaited all the same. */
function thenable(settle: (resolve: (value: unknown) => void, reject: (error: Error) => void) => void): unknown {
  const value = {};
  Reflect.defineProperty(value, 'then', { value: settle });
  return value;
}

const askStatus = async (url: string, token = 'any') =>
  (await fetch(`${url.replace('ws:', 'http:')}/status.json`, { headers: { authorization: `Bearer ${token}` } })).status;

test.each([undefined, null, false])('authenticate that returns %s does not know the token', (value) => {
  expect(() => toClaims(value)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }));
});

test.each([
  [true, 'a boolean'],
  ['ann', 'a string'],
  [7, 'a number'],
  [[], 'a list'],
])('authenticate that returns %j is a defect of the application', (value, what) => {
  expect(() => toClaims(value)).toThrow(new RegExp(`^authenticate returned ${what}: claims are an object`));
});

test('claims hold until their exp, and not a moment longer', () => {
  expect(lifetimeOf({})).toBeUndefined();
  expect(lifetimeOf({ exp: Date.now() / 1000 + 60 })).toBeGreaterThan(50_000);
  expect(() => lifetimeOf({ exp: Date.now() / 1000 - 1 })).toThrow(expect.objectContaining({ code: 'TOKEN_EXPIRED' }));
});

describe.each([
  ['undefined', undefined],
  ['a promise of null', Promise.resolve(null)],
  ['what another library calls a promise', thenable((resolve) => resolve(null))],
  ['a promise of another realm', runInNewContext('Promise.resolve(undefined)')],
])('a hook that returns %s', (_, value) => {
  test('lets in nobody, neither as a tunnel nor by HTTP', async () => {
    const fixture = await startRelay({ ...returning(value), authorize: () => true, status: true });
    expect(await fixture.dial({ token: 'any' }).closed).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await askStatus(fixture.url)).toBe(401);
  });
});

test('what another library calls a promise is waited for, also when it says no', async () => {
  const rejecting = thenable((_, reject) => reject(new Error('no database')));
  const fixture = await startRelay({
    authenticate: ({ token }) =>
      token === 'ann' ? Promise.resolve({ sub: 'ann' }) : (rejecting as PromiseLike<Claims>),
    authorize: ({ name }) => thenable((resolve) => resolve(name === 'hers')) as PromiseLike<boolean>,
  });
  const defects: TrunklineError[] = [];
  fixture.relay.on('error', (error) => defects.push(error));
  const ann = fixture.dial({ token: 'ann' });
  await StreamServer(ann, () => {}).listen('hers').ready;
  await expect(StreamServer(ann, () => {}).listen('his').ready).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect((await fixture.dial({ token: 'bob' }).closed).code).toBe('INTERNAL');
  expect(defects.map(({ message }) => message)).toEqual(['no database']);
  ann.close();
});

test('a hook that throws what cannot be made a text ends one dial, and nothing else', async () => {
  const authenticate = async (): Promise<Claims> => {
    throw Object.create(null);
  };
  const fixture = await startRelay({ authenticate, status: true });
  const defects: TrunklineError[] = [];
  fixture.relay.on('error', (error) => defects.push(error));
  expect((await fixture.dial({ token: 'any' }).closed).code).toBe('INTERNAL');
  expect(await askStatus(fixture.url)).toBe(500);
  expect(defects.map(({ message }) => message)).toEqual(
    Array(2).fill('something was thrown that is no error and no text'),
  );
});

test('claims that have expired are refused before the WELCOME: nothing is served meanwhile', async () => {
  const fixture = await startRelay(returning({ exp: Date.now() / 1000 - 1 }));
  await expect(RawPeer.ready(fixture.url)).rejects.toThrow();
  expect((await fixture.dial({ token: 'old' }).closed).code).toBe('TOKEN_EXPIRED');
  expect(fixture.relay.stats().tunnelEnds).toEqual({ TOKEN_EXPIRED: 2 });
});
