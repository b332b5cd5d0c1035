import { describe, expect, test } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';

checkLeaksAfterEach();

const dialFrom = async (origin: string, origins?: string[]) => {
  const fixture = await startRelay(origins === undefined ? {} : { origins });
  const { host } = new URL(fixture.url);
  const tunnel = fixture.dial({ ws: { headers: { Origin: origin.replace('HOST', host) } } });
  return tunnel.opened.then(
    () => 'open',
    (error) => error.code,
  );
};

describe('a page of', () => {
  test.each([
    ['the relay’s own host', 'http://HOST', undefined, 'open'],
    ['the same host behind TLS', 'https://HOST', undefined, 'open'],
    ['another site', 'https://evil.example', undefined, 'FORBIDDEN'],
    ['a sandbox', 'null', undefined, 'FORBIDDEN'],
    ['an address', 'http://192.0.2.1', undefined, 'FORBIDDEN'],
    ['another port of the host', 'http://127.0.0.1:1', undefined, 'FORBIDDEN'],
    ['a listed site', 'https://app.example', ['https://app.example'], 'open'],
    ['a site that ends like it', 'https://evil-app.example', ['https://app.example'], 'FORBIDDEN'],
    ['a site that begins like it', 'https://app.example.evil.example', ['https://app.example'], 'FORBIDDEN'],
    ['the relay’s own host, which is not listed', 'http://HOST', ['https://app.example'], 'FORBIDDEN'],
  ])('%s', async (_, origin, origins, outcome) => {
    expect(await dialFrom(origin, origins)).toBe(outcome);
  });

  test('no site at all: a program', async () => {
    const fixture = await startRelay({ origins: ['https://app.example'] });
    await fixture.dial().opened;
  });
});
