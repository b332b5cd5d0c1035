/** Keys that are fetched: from a server that answers, one that does not, and one that changes its mind. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { jsonWebTokens } from '../../relay/json-web-tokens.js';
import { HOLD_OFF_MS, KeySetFetch } from '../../relay/key-set-fetch.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { makeSigner, present, signed } from './token-fixture.js';

checkLeaksAfterEach();

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

/** A server of keys; what it answers may change. */
async function serveKeys(answer: RequestListener) {
  const served = { answer, requests: 0, url: '' };
  const server = createServer((request, response) => {
    served.requests++;
    served.answer(request, response);
  });
  served.url = `http://127.0.0.1:${await listenOnFreePort(server)}/keys`;
  cleanups.push(async () => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  });
  return served;
}

const json =
  (value: unknown): RequestListener =>
  (_request, response) => {
    response.end(JSON.stringify(value));
  };

const UNAVAILABLE = {
  code: 'UNAUTHENTICATED',
  message: 'the keys that tokens are checked with cannot be had at the moment',
  retryable: true,
};

test('are fetched once, at the first token', async () => {
  const signer = await makeSigner('ES256', 'one');
  const served = await serveKeys(json({ keys: [signer.jwk] }));
  const access = jsonWebTokens({ jwks: served.url });
  expect(served.requests).toBe(0);
  const tokens = await Promise.all([1, 2, 3].map((sub) => signer.sign({ sub: String(sub) })));
  const known = await Promise.all(tokens.map((token) => present(access, token)));
  expect(known.map(({ claims }) => claims?.sub)).toEqual(['1', '2', '3']);
  expect(served.requests).toBe(1);
});

test('a token that cannot be good does not make the relay fetch any', async () => {
  const served = await serveKeys(json({ keys: [] }));
  const access = jsonWebTokens({ jwks: served.url });
  for (const token of [undefined, 'x', signed(), `${'a'.repeat(20_000)}.b.c`])
    expect(await present(access, token)).toMatchObject({ code: 'UNAUTHENTICATED', retryable: false });
  expect(served.requests).toBe(0);
});

test('keys of many names do not make it fetch again and again', async () => {
  const signer = await makeSigner('ES256', 'one');
  const served = await serveKeys(json({ keys: [signer.jwk] }));
  const access = jsonWebTokens({ jwks: served.url });
  for (let count = 0; count < 5; count++) {
    const token = await signer.sign({}, { kid: `guess${count}` });
    expect(await present(access, token)).toMatchObject({ code: 'UNAUTHENTICATED', retryable: false });
  }
  expect(served.requests).toBe(1);
});

describe('keys that cannot be had are a refusal that may be tried again', () => {
  test.each<[string, RequestListener]>([
    ['an error', (_request, response) => response.writeHead(500).end('{"keys":[]}')],
    ['a redirect', (_request, response) => response.writeHead(302, { Location: '/elsewhere' }).end()],
    ['a page', (_request, response) => response.end('<html>')],
    ['another thing', json({ key: 'x' })],
    ['null', json(null)],
    ['nothing', (_request, response) => response.end()],
    [
      'half of it',
      (request, response) => response.writeHead(200, { 'Content-Length': 99 }).write('{', () => request.destroy()),
    ],
    ['a hang-up', (request) => request.destroy()],
    ['a flood', (_request, response) => response.end(`{"keys":[${' '.repeat(2 ** 21)}]}`)],
  ])('%s', async (_what, answer) => {
    const signer = await makeSigner('ES256');
    const served = await serveKeys(answer);
    const access = jsonWebTokens({ jwks: served.url });
    expect(await present(access, await signer.sign())).toEqual(UNAVAILABLE);
    // Asked for once, not once for each that comes.
    expect(await present(access, await signer.sign())).toEqual(UNAVAILABLE);
    expect(served.requests).toBe(1);
  });

  test('and the cause is there for whoever runs the relay', async () => {
    const access = jsonWebTokens({ jwks: 'http://127.0.0.1:1/keys' });
    const token = await (await makeSigner('ES256')).sign();
    await expect(access.authenticate({ token, request: {} as never })).rejects.toMatchObject({
      retryAfterMs: HOLD_OFF_MS,
      cause: expect.any(Error),
    });
  });
});

describe('a fetch', () => {
  const answer = (text: string) => async () => new Response(text);
  const unreachable = async () => {
    throw new TypeError('fetch failed');
  };

  test('that failed is not tried again for a moment, and then is', async () => {
    let now = 0;
    let calls = 0;
    let outcome: () => Promise<Response> = unreachable;
    const held = new KeySetFetch(
      () => {
        calls++;
        return outcome();
      },
      () => now,
    );
    await expect(held.fetch('http://x', {})).rejects.toThrow('fetch failed');
    outcome = answer('{"keys":[]}');
    now = HOLD_OFF_MS - 1;
    await expect(held.fetch('http://x', {})).rejects.toThrow('fetch failed');
    expect(calls).toBe(1);
    now = HOLD_OFF_MS;
    expect(await (await held.fetch('http://x', {})).json()).toEqual({ keys: [] });
    // And is not held against it.
    await held.fetch('http://x', {});
    expect(calls).toBe(3);
  });
});
