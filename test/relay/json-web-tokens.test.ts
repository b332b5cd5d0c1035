import { build } from 'esbuild';
import { exportSPKI } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { jsonWebTokens, signToken } from '../../relay/json-web-tokens.js';
import { ask, encode, forge, inSeconds, makeSigner, present, SECRET, signed } from './token-fixture.js';

const access = jsonWebTokens({ secret: SECRET });
const HEADER = { alg: 'HS256', typ: 'JWT' };

describe('a token', () => {
  test('with a valid signature is known by all of its claims', async () => {
    const claims = { sub: 'ann', listen: ['room:*'], exp: inSeconds(60), role: { admin: false } };
    expect(await present(access, signed(claims))).toEqual({ claims });
  });

  test('need not expire', async () => {
    expect(await present(access, forge(HEADER, { sub: 'ann' }))).toEqual({ claims: { sub: 'ann' } });
  });

  test('may be checked with bytes as the secret', async () => {
    const bytes = jsonWebTokens({ secret: Buffer.from(SECRET) });
    expect(await present(bytes, signed({ sub: 'ann' }))).toMatchObject({ claims: { sub: 'ann' } });
  });

  test('as the command line signs it is one of these', async () => {
    const token = await signToken(SECRET, { listen: ['room:*'], connect: undefined, sub: 'ann' }, 60);
    const { claims } = await present(access, token);
    expect(claims).toEqual({ listen: ['room:*'], sub: 'ann', iat: expect.any(Number), exp: expect.any(Number) });
    expect(Number(claims?.exp) - Number(claims?.iat)).toBe(60);
  });
});

describe('what is no good token is UNAUTHENTICATED, for a reason, and says nothing of itself', () => {
  const WRONG_SECRET = 'another secret of more than thirty-two bytes';
  const good = () => signed({ sub: 'private' });
  const [header = '', payload = '', signature = ''] = good().split('.');
  test.each([
    ['none', undefined, 'this relay asks for a token, and there is none'],
    ['an empty one', '', 'this relay asks for a token, and there is none'],
    ['a password', 'let me in', 'not a signed JSON Web Token'],
    ['two parts', `${header}.${payload}`, 'not a signed JSON Web Token'],
    ['four parts', `${good()}.x`, 'not a signed JSON Web Token'],
    ['an encrypted one', `${good()}.x.y`, 'not a signed JSON Web Token'],
    ['a header that is no JSON', `${encode('{alg')}.${payload}.${signature}`, 'not a signed JSON Web Token'],
    ['a header that is a list', `${encode(['HS256'])}.${payload}.${signature}`, 'not a signed JSON Web Token'],
    ['characters of another alphabet', good().replace('.', '.+/='), 'signature is wrong'],
    ['a payload that is no JSON', forge(HEADER, '{sub'), 'not a signed JSON Web Token'],
    ['a payload that is a list', forge(HEADER, ['ann']), 'not a signed JSON Web Token'],
    ['another secret', signed({}, WRONG_SECRET), 'signature is wrong'],
    ['a payload of somebody else', `${header}.${encode({ sub: 'root' })}.${signature}`, 'signature is wrong'],
    ['no signature', `${header}.${payload}.`, 'signature is wrong'],
    ['half a signature', good().slice(0, -20), 'signature is wrong'],
    ['alg none', `${encode({ alg: 'none' })}.${payload}.`, 'algorithm (alg)'],
    ['alg None', `${encode({ alg: 'None' })}.${payload}.${signature}`, 'algorithm (alg)'],
    ['alg none with a good signature', forge({ alg: 'none' }, {}), 'algorithm (alg)'],
    ['another HMAC', forge({ alg: 'HS512' }, {}), 'algorithm (alg)'],
    ['a public-key algorithm', forge({ alg: 'RS256' }, {}), 'algorithm (alg)'],
    ['no alg', forge({}, {}), 'not a signed JSON Web Token'],
    ['an alg that is a number', forge({ alg: 256 }, {}), 'not a signed JSON Web Token'],
    ['a crit that nobody knows', forge({ ...HEADER, crit: ['x'], x: 1 }, {}), '(crit)'],
    ['a payload that is not encoded', forge({ ...HEADER, crit: ['b64'], b64: false }, {}), 'JSON Web Token'],
    [
      'a key of its own',
      forge({ ...HEADER, jwk: { kty: 'oct', k: encode('x'.repeat(32)) } }, {}, 'x'.repeat(32)),
      'wrong',
    ],
    ['one for later', signed({ nbf: inSeconds(60) }), 'not valid yet (nbf)'],
    ['an expiry that is a text', signed({ exp: 'soon' as never }), 'claim "exp" is not a number'],
    ['a start that is a text', signed({ nbf: 'now' as never }), 'claim "nbf" is not a number'],
    ['a list that is a text', signed({ listen: '*' }), 'claim "listen" must be a list of names'],
    ['a list of other things', signed({ connect: ['a', 1] }), 'claim "connect" must be a list of names'],
    ['a list that is null', signed({ watch: null }), 'claim "watch" must be a list of names'],
  ])('%s', async (_what, token, text) => {
    const refusal = await present(access, token);
    expect(refusal).toEqual({ code: 'UNAUTHENTICATED', message: expect.stringContaining(text), retryable: false });
    for (const part of [SECRET, ...(token ?? '').split('.'), 'private']) {
      if (part.length > 4) expect(refusal.message).not.toContain(part);
    }
  });

  test('one that is too long, before anything is read of it', async () => {
    const long = signed({ sub: 'a'.repeat(20_000) });
    expect(await present(access, long)).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: `the token has ${long.length} characters, over 16384`,
    });
    expect(await present(access, 'a'.repeat(2 ** 26))).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await present(access, signed({ sub: 'a'.repeat(10_000) }))).toHaveProperty('claims');
  });
});

describe('time', () => {
  test('an expired one is TOKEN_EXPIRED, which may be tried again', async () => {
    expect(await present(access, signed({ exp: inSeconds(-1) }))).toEqual({
      code: 'TOKEN_EXPIRED',
      message: 'the token has expired',
      retryable: true,
    });
  });

  test('but only where the signature is good', async () => {
    const token = signed({ exp: inSeconds(-1) }, 'another secret of more than thirty-two bytes');
    expect(await present(access, token)).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('clocks may differ by the tolerance, and by no more', async () => {
    const tolerant = jsonWebTokens({ secret: SECRET, clockToleranceSeconds: 60 });
    const [early, late] = [inSeconds(30), inSeconds(-30)];
    expect(await present(tolerant, signed({ nbf: early }))).toHaveProperty('claims');
    // For as long it may stay.
    expect(await present(tolerant, signed({ exp: late }))).toMatchObject({ claims: { exp: late + 60 } });
    expect(await present(tolerant, signed({ exp: inSeconds(-90) }))).toMatchObject({ code: 'TOKEN_EXPIRED' });
    expect(await present(tolerant, signed({ nbf: inSeconds(90) }))).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('issuer and audience', () => {
  const strict = jsonWebTokens({ secret: SECRET, issuer: 'https://id.example.com', audience: 'relay' });
  const iss = 'https://id.example.com';

  test.each([
    ['one', 'relay'],
    ['one of several', ['other', 'relay']],
  ])('that are right: %s', async (_what, aud) => {
    expect(await present(strict, signed({ iss, aud }))).toHaveProperty('claims');
  });

  test.each([
    ['another issuer', { iss: 'https://evil.example.com', aud: 'relay' }, 'issuer (iss)'],
    ['a longer issuer', { iss: `${iss}.evil`, aud: 'relay' }, 'issuer (iss)'],
    ['an issuer that is a list', { iss: [iss] as never, aud: 'relay' }, 'issuer (iss)'],
    ['no issuer', { aud: 'relay' }, 'issuer (iss)'],
    ['another audience', { iss, aud: 'relay2' }, '(aud)'],
    ['no audience', { iss }, '(aud)'],
    ['an empty audience', { iss, aud: [] }, '(aud)'],
  ])('that are wrong: %s', async (_what, claims, text) => {
    const refusal = await present(strict, signed(claims));
    expect(refusal).toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringContaining(text) });
    expect(refusal.message).not.toContain('example.com');
  });
});

describe('what a token allows', () => {
  const listener = signed({ listen: ['room:*', 'lobby'] });

  test.each([
    ['listen', 'room:1'],
    ['listen', 'room:'],
    ['listen', 'lobby'],
  ] as const)('%s %s', async (action, name) => {
    expect(await ask(access, listener, action, name)).toBe(true);
  });

  test.each([
    ['listen', 'room', 'this token does not allow to listen on room'],
    ['listen', 'rooms:1', 'this token does not allow to listen on rooms:1'],
    ['listen', 'my-room:1', 'this token does not allow to listen on my-room:1'],
    ['listen', 'lobby2', 'this token does not allow to listen on lobby2'],
    ['listen', 'Lobby', 'this token does not allow to listen on Lobby'],
    ['connect', 'room:1', 'this token does not allow to connect to room:1'],
    ['connect', 'lobby', 'this token does not allow to connect to lobby'],
    ['watch', 'room:1', 'this token does not allow to watch room:1'],
  ] as const)('and not %s %s', async (action, name, text) => {
    expect(await ask(access, listener, action, name)).toBe(text);
  });

  test.each(['listen', 'connect', 'watch'] as const)('%s, only where that is its claim', async (claim) => {
    const token = signed({ [claim]: ['*'] });
    for (const action of ['listen', 'connect', 'watch'] as const)
      expect(await ask(access, token, action, 'x'), action).toEqual(action === claim ? true : expect.any(String));
  });

  test.each([
    ['nothing', {}],
    ['empty lists', { listen: [], connect: [], watch: [] }],
    ['an empty name', { listen: [''], connect: [''], watch: [''] }],
    ['an expression', { listen: ['.*'], connect: ['.+'], watch: ['^x$'] }],
    ['claims of other names', { Listen: ['*'], scope: 'listen connect', constructor: ['*'] }],
  ])('nothing, by %s', async (_what, claims) => {
    for (const action of ['listen', 'connect', 'watch'] as const)
      expect(await ask(access, signed(claims), action, 'x')).toEqual(expect.any(String));
  });

  test('to watch a pattern, where all that it stands for may be watched', async () => {
    const token = signed({ watch: ['room:*'] });
    expect(await ask(access, token, 'watch', 'room:1*')).toBe(true);
    expect(await ask(access, token, 'watch', '*')).toBe('this token does not allow to watch *');
  });
});

describe('public keys', () => {
  const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
  let signers: Map<string, Awaited<ReturnType<typeof makeSigner>>>;
  beforeAll(async () => {
    signers = new Map(await Promise.all(ALGORITHMS.map(async (alg) => [alg, await makeSigner(alg, alg)] as const)));
  });
  const signer = (alg: string) => signers.get(alg) as Awaited<ReturnType<typeof makeSigner>>;
  const keys = () => jsonWebTokens({ jwks: { keys: [...signers.values()].map(({ jwk }) => jwk) } });

  test.each(ALGORITHMS)('%s', async (alg) => {
    expect(await present(keys(), await signer(alg).sign({ sub: 'ann' }))).toMatchObject({ claims: { sub: 'ann' } });
  });

  test('a token that does not say by which of two keys it was signed', async () => {
    const [one, two, stranger] = await Promise.all([makeSigner('ES256'), makeSigner('ES256'), makeSigner('ES256')]);
    const both = jsonWebTokens({ jwks: { keys: [one.jwk, two.jwk] } });
    expect(await present(both, await one.sign())).toHaveProperty('claims');
    expect(await present(both, await two.sign())).toHaveProperty('claims');
    expect(await present(both, await two.sign({ exp: inSeconds(-1) }))).toMatchObject({ code: 'TOKEN_EXPIRED' });
    expect(await present(both, await stranger.sign())).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('signature is wrong'),
    });
  });

  test("a stranger's key, under its own name and under a known one", async () => {
    const stranger = await makeSigner('ES256', 'mine');
    expect(await present(keys(), await stranger.sign())).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('a key that this relay does not know'),
    });
    expect(await present(keys(), await stranger.sign({}, { kid: 'ES256' }))).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('signature is wrong'),
    });
    expect(await present(keys(), await stranger.sign({}, { jwk: stranger.jwk }))).toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  test.each(['RS256', 'ES256', 'EdDSA'])('the public key of %s is no secret to sign with', async (alg) => {
    const { publicKey, jwk } = signer(alg);
    const pem = await exportSPKI(publicKey);
    for (const secret of [pem, pem.trim(), JSON.stringify(jwk), Buffer.from(jwk.x ?? jwk.n ?? '', 'base64url')]) {
      for (const kid of [{}, { kid: alg }]) {
        expect(await present(keys(), forge({ alg: 'HS256', ...kid }, {}, secret))).toMatchObject({
          code: 'UNAUTHENTICATED',
          message: expect.stringContaining('algorithm (alg)'),
        });
      }
    }
    expect(() => jsonWebTokens({ secret: pem })).toThrow(TypeError);
  });

  test('what becomes of the set later is of no account', async () => {
    const { jwk, sign } = await makeSigner('ES256');
    const jwks = { keys: [jwk] };
    const access = jsonWebTokens({ jwks });
    jwks.keys.length = 0;
    expect(await present(access, await sign({ sub: 'ann' }))).toMatchObject({ claims: { sub: 'ann' } });
  });

  test('a shared secret in a key set is not taken', async () => {
    const oct = jsonWebTokens({ jwks: { keys: [{ kty: 'oct', k: encode(SECRET), alg: 'HS256' }] } });
    expect(await present(oct, signed())).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('options', () => {
  test('a secret has at least 32 bytes', () => {
    expect(() => jsonWebTokens({ secret: 'x'.repeat(31) })).toThrow(RangeError);
    expect(() => jsonWebTokens({ secret: new Uint8Array(31) })).toThrow('at least 32 bytes long, not 31');
    expect(() => jsonWebTokens({ secret: '' })).toThrow(RangeError);
    expect(() => jsonWebTokens({ secret: 'x'.repeat(32) })).not.toThrow();
    // Bytes, not characters.
    expect(() => jsonWebTokens({ secret: 'ö'.repeat(16) })).not.toThrow();
    expect(() => signToken('x'.repeat(31), {}, 60)).toThrow(RangeError);
  });

  test.each([
    ['neither', {}],
    ['both', { secret: SECRET, jwks: 'https://example.com/keys' }],
    ['a secret of another kind', { secret: 42 as never }],
    ['a private key as the secret', { secret: `-----BEGIN PRIVATE KEY-----\n${'A'.repeat(64)}` }],
    ['a URL that is none', { jwks: 'keys.json' }],
    ['a file', { jwks: 'file:///keys.json' }],
    ['a URL with a password', { jwks: 'https://ann:hunter2@example.com/keys' }],
    ['an object that is no key set', { jwks: { key: [] } as never }],
    ['a list', { jwks: [] as never }],
    ['nothing at all', { jwks: null as never }],
    ['a key set of other things', { jwks: { keys: ['key'] } as never }],
    ['a key set with a null in it', { jwks: { keys: [null] } as never }],
    ['a key set that is no data', { jwks: { keys: [{ kty: 'EC', sign: () => {} }] } as never }],
  ])('%s: a TypeError', (_what, options) => {
    expect(() => jsonWebTokens(options)).toThrow(TypeError);
    expect(() => jsonWebTokens(options)).not.toThrow('hunter2');
  });

  test.each(['audiance', 'key'])('no option %s', (name) => {
    const options = { secret: SECRET, [name]: 'x' };
    expect(() => jsonWebTokens(options)).toThrow(
      new RegExp(`^there is no option jsonWebTokens.${name}; there are secret, jwks`),
    );
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '5' as never])('no tolerance of %s', (clockToleranceSeconds) => {
    expect(() => jsonWebTokens({ secret: SECRET, clockToleranceSeconds })).toThrow(RangeError);
  });
});

test('what only some relays need is loaded by those that do: tokens, metrics', async () => {
  const { metafile } = await build({
    entryPoints: ['relay/index.ts'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    metafile: true,
    write: false,
    outdir: 'unused',
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
  const kindsOf = (name: string) => [...new Set(imports.filter(({ path }) => path === name).map(({ kind }) => kind))];
  expect(kindsOf('jose')).toEqual(['dynamic-import']);
  expect(kindsOf('prom-client')).toEqual(['dynamic-import']);
  expect(kindsOf('ws')).toEqual(['import-statement']);
});
