import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import type { AuthorizationRequest, Claims } from '../../relay/access.js';
import type { RelayOptions } from '../../relay/options.js';
import { type Offer, StreamClient, StreamServer, TrunklineError, type Tunnel } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { deferred, until } from '../support/until.js';

checkLeaksAfterEach();

/** Tokens are the claims themselves, as JSON; none is a stranger's. */
function authenticate({ token }: { token: string | undefined }): Claims {
  if (token === undefined) throw new TrunklineError('UNAUTHENTICATED', 'bring a token');
  return JSON.parse(token) as Claims;
}

/** Who says `listen` or `connect` in its claims may do it on any name. */
const authorize = ({ action, claims }: AuthorizationRequest): boolean => claims[action] === true;

const LISTENER = JSON.stringify({ sub: 'server', listen: true });
const CLIENT = JSON.stringify({ sub: 'client', connect: true });

async function serve(
  fixture: RelayFixture,
  tunnel = fixture.dial({ token: LISTENER }),
  offers: Offer[] = [],
): Promise<void> {
  const accept = (offer: Offer) => offers.push(offer) > 0;
  await fixture.listen('echo', (stream) => stream.pipe(stream), { accept }, tunnel);
}

async function echo(tunnel: Tunnel, said: string): Promise<string> {
  const stream = StreamClient(tunnel).connect('echo');
  stream.end(said);
  return text(stream);
}

/** Both at once, and both later: the same has to come of it. */
const KINDS: [string, RelayOptions][] = [
  ['at once', { authenticate, authorize }],
  [
    'later',
    {
      authenticate: async (request) => authenticate(request),
      authorize: async (request) => authorize(request),
    },
  ],
];

describe.each(KINDS)('hooks that answer %s', (_, options) => {
  test('let in whoever they know, and listeners see the claims', async () => {
    const fixture = await startRelay(options);
    const offers: Offer[] = [];
    await serve(fixture, undefined, offers);
    expect(await echo(fixture.dial({ token: CLIENT }), 'hello')).toBe('hello');
    expect(offers).toEqual([expect.objectContaining({ name: 'echo', claims: { sub: 'client', connect: true } })]);
  });

  test('turn a stranger away, in band, before it can do anything (R169)', async () => {
    const fixture = await startRelay(options);
    const stranger = fixture.dial();
    const stream = StreamClient(stranger).connect('echo');
    await expect(stream.opened).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message: 'bring a token' });
    expect((await stranger.closed).code).toBe('UNAUTHENTICATED');
    expect(fixture.relay.stats().connects.requested).toBe(0);
  });

  test('refuse one thing, and leave the tunnel alone (R172)', async () => {
    const fixture = await startRelay(options);
    const listener = fixture.dial({ token: LISTENER });
    await serve(fixture, listener);
    const client = fixture.dial({ token: CLIENT });
    await expect(StreamServer(client).listen('mine').ready).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: 'this token does not allow to listen on mine',
    });
    await expect(StreamClient(listener).connect('echo').opened).rejects.toMatchObject({ code: 'FORBIDDEN' });
    // A name that nobody holds is none of their business either.
    await expect(StreamClient(listener).connect('nobody').opened).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await echo(client, 'still here')).toBe('still here');
  });

  test('what this process itself does is not asked about', async () => {
    const fixture = await startRelay(options);
    await serve(fixture);
    const stream = fixture.relay.connect('echo');
    stream.end('from inside');
    expect(await text(stream)).toBe('from inside');
  });
});

test('a refusal may have a code and a text of its own', async () => {
  const fixture = await startRelay({ authorize: () => ({ code: 'UNPAID', text: 'the trial is over' }) });
  await expect(StreamClient(fixture.dial()).connect('echo').opened).rejects.toMatchObject({
    code: 'FORBIDDEN',
    appCode: 'UNPAID',
    message: 'the trial is over',
  });
});

test('what has come while it was decided is not lost: bytes, END, and a client that has given up (R173)', async () => {
  const gate = deferred();
  let asked = 0;
  const fixture = await startRelay({
    authorize: async ({ action }) => {
      if (action === 'listen') return true;
      asked++;
      await gate.promise;
      return true;
    },
  });
  await serve(fixture, fixture.dial());
  const client = fixture.dial();
  await client.opened;
  const patient = StreamClient(client).connect('echo');
  patient.end('early data');
  const hasty = StreamClient(client).connect('echo');
  hasty.on('error', () => {});
  await until(() => asked === 2, 'both to be asked about');
  hasty.destroy();
  await once(hasty, 'close');
  gate.resolve();
  expect(await text(patient)).toBe('early data');
  expect(fixture.relay.stats().connects.matched).toBe(1);
});

test('a decision that does not come has a deadline, and only so many are waited for', async () => {
  const never = deferred<boolean>();
  const limits = { acceptTimeoutMs: 300, maxPendingConnects: 2 };
  const fixture = await startRelay({ limits, authorize: () => never.promise });
  const client = fixture.dial();
  await client.opened;
  const listeners = ['a', 'b', 'c'].map((name) =>
    StreamServer(client)
      .listen(name)
      .ready.catch((error) => error.code),
  );
  expect(await Promise.all(listeners)).toEqual(['ACCEPT_TIMEOUT', 'ACCEPT_TIMEOUT', 'LIMIT_STREAMS']);
  never.resolve(true);
  expect(fixture.relay.servers()).toEqual([]);
});

test('a tunnel that ends while it is decided on leaves nothing behind', async () => {
  const gate = deferred<boolean>();
  let asked = 0;
  const fixture = await startRelay({
    authorize: () => {
      asked++;
      return gate.promise;
    },
  });
  const client = fixture.dial();
  const listener = StreamServer(client).listen('echo');
  listener.on('error', () => {});
  await until(() => asked === 1, 'it to be asked about');
  client.close();
  await until(() => fixture.relay.stats().tunnels.active === 0, 'the relay to know of the end');
  gate.resolve(true);
  await gate.promise;
  expect(fixture.relay.servers()).toEqual([]);
  expect(fixture.relay.stats().names.created).toBe(0);
});

describe('a hook that throws', () => {
  test.each([
    ['authenticate', { authenticate: () => Promise.reject(new Error('the database is down')) }],
    ['authorize', { authorize: () => Promise.reject(new Error('the database is down')) }],
  ] satisfies [string, RelayOptions][])(
    '%s: the dialer learns no more than INTERNAL, the operator all of it',
    async (_, options) => {
      const fixture = await startRelay(options);
      const told: TrunklineError[] = [];
      fixture.relay.on('error', (error: TrunklineError) => told.push(error));
      const client = fixture.dial();
      await expect(StreamClient(client).connect('echo').opened).rejects.toMatchObject({
        code: 'INTERNAL',
        message: 'the relay failed to decide',
      });
      client.close();
      await until(() => fixture.relay.stats().tunnels.active === 0, 'the relay to know of the end');
      expect(told.map(({ message }) => message)).toEqual(['the database is down']);
    },
  );

  test('claims that are no JSON are such a defect', async () => {
    const fixture = await startRelay({ authenticate: () => ({ balance: 5n }) });
    const told = once(fixture.relay, 'error') as Promise<[TrunklineError]>;
    expect((await fixture.dial().closed).code).toBe('INTERNAL');
    expect((await told)[0].message).toContain('BigInt');
  });
});

describe('claims that do not fit into an offer', () => {
  const claimsOf = (bytes: number): Claims => ({ sub: 'x'.repeat(bytes - '{"sub":""}'.length) });

  test.each([
    ['too large', claimsOf(2049), 'the claims are 2049 bytes of JSON, over the 2048 that listeners may be shown'],
    ['much too large', { list: claimsOf(1_000_000) }, 'the claims are 1000009 bytes of JSON, over the 2048 that'],
    ['too deep', { nested: JSON.parse('['.repeat(65) + ']'.repeat(65)) }, 'the claims are nested too deeply'],
  ])('are FORBIDDEN, and the dialer is told why: %s', async (_what, claims, text) => {
    const fixture = await startRelay({ authenticate: () => claims });
    const defects: unknown[] = [];
    fixture.relay.on('error', (error) => defects.push(error));
    const { code, message } = await fixture.dial().closed;
    expect([code, message, defects]).toEqual(['FORBIDDEN', expect.stringContaining(text), []]);
    expect(fixture.relay.stats().tunnelEnds).toEqual({ FORBIDDEN: 1 });
  });

  test('but the last byte that does is taken, and shown', async () => {
    const claims = claimsOf(2048);
    const fixture = await startRelay({ authenticate: () => claims });
    const offers: Offer[] = [];
    await serve(fixture, fixture.dial(), offers);
    expect(await echo(fixture.dial(), 'fits')).toBe('fits');
    expect(offers.map((offer) => offer.claims)).toEqual([claims]);
  });

  test('nor may newer ones of the same tunnel', async () => {
    let count = 0;
    const fixture = await startRelay({
      authenticate: () => (count++ === 0 ? { exp: (Date.now() + 100) / 1000 } : claimsOf(2049)),
    });
    const client = fixture.dial({ token: () => `token ${count}` });
    await client.opened;
    expect(await client.closed).toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('2049 bytes') });
  });
});

describe('a token that runs out', () => {
  /** Claims that hold for so long, from now on. */
  const claimsFor = (milliseconds: number): Claims => ({ exp: (Date.now() + milliseconds) / 1000 });

  test('is renewed in band (R170): the tunnel keeps its connection, and streams know nothing of it', async () => {
    const shown: (string | undefined)[] = [];
    const fixture = await startRelay({
      authenticate: ({ token }) => {
        shown.push(token);
        return claimsFor(shown.length < 4 ? 200 : 60_000);
      },
    });
    let count = 0;
    const client = fixture.dial({ token: async () => `token ${++count}` });
    let suspends = 0;
    client.on('suspend', () => suspends++);
    await serve(fixture, client);
    const stream = StreamClient(client).connect('echo');
    await stream.opened;
    await until(() => shown.length === 4, 'the token to be renewed three times');
    stream.end('through it all');
    expect(await text(stream)).toBe('through it all');
    expect([shown, suspends, fixture.relay.stats().tunnels.opened]).toEqual([
      ['token 1', 'token 2', 'token 3', 'token 4'],
      0,
      1,
    ]);
  });

  test('and is not renewed ends the connection; the next has a newer one, and streams go on', async () => {
    let isLate = true;
    const fixture = await startRelay({
      authenticate: ({ token }) => claimsFor(token === 'late' ? 150 : 60_000),
    });
    await serve(fixture, fixture.dial({ token: 'good' }));
    let count = 0;
    const client = fixture.dial({
      token: () => {
        count++;
        if (count === 1) return 'late';
        // Asked in band, it has none.
        if (isLate) throw new Error('the identity provider is down');
        return 'good';
      },
    });
    const told = new Promise<TrunklineError>((resolve) => client.once('error', resolve));
    const suspended = new Promise<TrunklineError>((resolve) => client.once('suspend', resolve));
    const stream = StreamClient(client).connect('echo');
    await stream.opened;
    expect(await told).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect((await suspended).code).toBe('TOKEN_EXPIRED');
    isLate = false;
    await once(client, 'resume');
    stream.end('still the same stream');
    expect(await text(stream)).toBe('still the same stream');
  });

  test('and cannot be renewed is the end', async () => {
    const fixture = await startRelay({ authenticate: () => claimsFor(100) });
    expect((await fixture.dial({ token: 'the only one' }).closed).code).toBe('TOKEN_EXPIRED');
  });

  test('is refused when the newer one is no good', async () => {
    const fixture = await startRelay({
      authenticate: ({ token }) => {
        if (token === 'bad') throw new TrunklineError('UNAUTHENTICATED', 'no such user any more');
        return claimsFor(100);
      },
    });
    let count = 0;
    const client = fixture.dial({ token: () => (count++ === 0 ? 'good' : 'bad') });
    expect(await client.closed).toMatchObject({ code: 'UNAUTHENTICATED', message: 'no such user any more' });
  });

  test.each([
    ['throws', () => Promise.reject(new Error('no network'))],
    ['is no text', () => 5 as unknown as string],
  ])('from a function that %s: nothing is dialed', async (_, token) => {
    const fixture = await startRelay();
    const client = fixture.dial({ token });
    expect(await client.closed).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(fixture.relay.stats().tunnels.opened).toBe(0);
  });

  test('from a function that returns a page of HTML in its place: it does not fit, and nothing is dialed', async () => {
    const fixture = await startRelay();
    const client = fixture.dial({ token: async () => '<p>'.repeat(10_000) });
    expect(await client.closed).toMatchObject({ code: 'LIMIT_BYTES' });
    await expect(client.opened).rejects.toMatchObject({ code: 'LIMIT_BYTES' });
    expect(fixture.relay.stats().tunnels.opened).toBe(0);
  });

  test('and whose newer one does not fit: the tunnel says so, and comes back once there is one that does', async () => {
    const fixture = await startRelay({ authenticate: ({ token }) => claimsFor(token === 'late' ? 150 : 60_000) });
    const tokens = ['late', 'x'.repeat(20_000), 'x'.repeat(20_000), 'good'];
    const client = fixture.dial({ token: async () => tokens.shift() ?? 'good' });
    const [told] = (await once(client, 'error')) as [TrunklineError];
    expect(told.code).toBe('LIMIT_BYTES');
    await once(client, 'resume');
    expect(tokens).toEqual([]);
  });

  test.each([
    ['a promise', Promise.resolve('a token')],
    ['a number', 5],
    ['null', null],
  ])('that is %s is an error at once', async (_, token) => {
    const fixture = await startRelay();
    expect(() => fixture.dial({ token: token as unknown as string })).toThrow(TypeError);
    expect(fixture.relay.stats().tunnels.opened).toBe(0);
  });
});
