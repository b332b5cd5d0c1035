import { createServer as createTlsServer } from 'node:https';
import type { LookupFunction } from 'node:net';
import { describe, expect, test } from 'vitest';
import { jsonWebTokens } from '../../relay/index.js';
import { FOR_LOCALHOST } from '../support/certificates.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';

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

describe('a page of attacker.example, a name that leads to this machine by now (DNS rebinding),', () => {
  /** Whatever the name, it is here. */
  const lookup: LookupFunction = (_name, { all }, answer) =>
    all ? answer(null, [{ address: '127.0.0.1', family: 4 }]) : answer(null, '127.0.0.1', 4);

  /** As a browser dials from that page: the host that it says is the page's own. */
  const dialFromThere = (fixture: RelayFixture, url = new URL(fixture.url)) => {
    const origin = `${url.protocol === 'wss:' ? 'https' : 'http'}://attacker.example:${url.port}`;
    const options = { ws: { origin, lookup, ca: FOR_LOCALHOST.cert } };
    return fixture.dial(options, `${url.protocol}//attacker.example:${url.port}${url.pathname}`);
  };

  test('is let in where nothing is said of origins: its host is the one that it dials', async () => {
    const fixture = await startRelay();
    const hosts: unknown[] = [];
    fixture.relay.on('connection', ({ request }) => hosts.push(request?.headers.host));
    await dialFromThere(fixture).opened;
    expect(hosts).toEqual([`attacker.example:${new URL(fixture.url).port}`]);
  });

  test.each([
    ['a list of other sites', ['http://localhost:8080']],
    ['a list of none', []],
  ])('is refused by %s, and programs are not', async (_what, origins) => {
    const fixture = await startRelay({ origins });
    await expect(dialFromThere(fixture).opened).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(fixture.relay.stats().tunnels.opened).toBe(0);
    await fixture.dial().opened;
  });

  test('is turned away where a token is asked for: it has none', async () => {
    const fixture = await startRelay(jsonWebTokens({ secret: 'a secret of more than thirty-two bytes' }));
    expect((await dialFromThere(fixture).closed).code).toBe('UNAUTHENTICATED');
  });

  test('does not get as far as the relay by TLS: the certificate is not for its name', async () => {
    const fixture = await startRelay();
    const server = createTlsServer(FOR_LOCALHOST);
    fixture.relay.install(server);
    const port = await listenOnFreePort(server);
    fixture.alsoClose.push(() => new Promise((resolve) => server.close(resolve)));
    await fixture.dial({ ws: { ca: FOR_LOCALHOST.cert } }, `wss://localhost:${port}/trunkline`).opened;
    const error = await dialFromThere(fixture, new URL(`wss://localhost:${port}/trunkline`)).opened.catch((one) => one);
    expect(error.message).toContain('attacker.example');
    expect(fixture.relay.stats().tunnels.opened).toBe(1);
  });
});
