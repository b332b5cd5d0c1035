/** The relay behind a real Caddy, with the very configuration of docs/deploy.md. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { remoteAddressOf, TrustedProxies } from '../../relay/forwarded-for.js';
import type { Tunnel } from '../../src/index.js';
import { areInstalled, startServer } from '../cli/programs.js';
import { FOR_LOCALHOST } from '../support/certificates.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { readSeeded } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { sendUntil } from './send-until.js';
import { adapt, CADDY_SNIPPET, snippetOf } from './snippets.js';

const MIB = 2 ** 20;
const isHere = areInstalled(['caddy'], ['caddy']);

checkLeaksAfterEach();

interface Caddy {
  port: number;
  url: string;
  reload(): void;
}

/** Caddy with the snippet in front of a relay, with a certificate of the tests in place of one that it would get. */
async function startCaddy(fixture: RelayFixture): Promise<Caddy> {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-caddy-'));
  const path = (name: string) => join(folder, name);
  writeFileSync(path('certificate.pem'), FOR_LOCALHOST.cert);
  writeFileSync(path('key.pem'), FOR_LOCALHOST.key);
  const admin = `unix/${path('admin.sock')}`;
  const write = (port: number): void => {
    const site = adapt(snippetOf(CADDY_SNIPPET), {
      'relay.example.com {': `https://localhost:${port} {\n\ttls ${path('certificate.pem')} ${path('key.pem')}`,
      '127.0.0.1:8080': new URL(fixture.url).host,
    });
    const own = ['{', `admin ${admin}`, `storage file_system ${folder}`, 'auto_https disable_redirects', '}'];
    writeFileSync(path('Caddyfile'), `${own.join('\n')}\n${site}`);
  };
  const config = ['--config', path('Caddyfile'), '--adapter', 'caddyfile'];
  const { port, stop } = await startServer(
    'env',
    (free) => {
      write(free);
      return [`XDG_CONFIG_HOME=${folder}`, `XDG_DATA_HOME=${folder}`, 'caddy', 'run', ...config];
    },
    /serving initial configuration/,
  );
  // Not before the last words of the streams are through.
  fixture.alsoClose.push(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });
  const reload = (): void => {
    const { status, stderr } = spawnSync('caddy', ['reload', '--force', '--address', admin, ...config], {
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
  };
  return { port, url: `wss://localhost:${port}/trunkline`, reload };
}

function dial(fixture: RelayFixture, { port, url }: Caddy, origin = `https://localhost:${port}`): Tunnel {
  return fixture.dial({ ws: { ca: FOR_LOCALHOST.cert, origin } }, url);
}

describe.runIf(isHere)('behind Caddy', { timeout: 60_000 }, () => {
  test('a page of the same host is served, one of another site is not, and the relay knows where they are', async () => {
    const fixture = await startRelay({ trustedProxies: ['127.0.0.1'] });
    const requests: IncomingMessage[] = [];
    fixture.relay.on('connection', (connection) => requests.push(connection.request as IncomingMessage));
    const caddy = await startCaddy(fixture);
    await dial(fixture, caddy).opened;
    await expect(dial(fixture, caddy, 'https://evil.example').opened).rejects.toMatchObject({ code: 'FORBIDDEN' });

    // From another address of this machine, with a word of its own on where it comes from.
    const headers = { 'X-Forwarded-For': '203.0.113.9' };
    await fixture.dial({ ws: { ca: FOR_LOCALHOST.cert, localAddress: '127.0.0.2', headers } }, caddy.url).opened;
    expect(requests.map(({ headers }) => headers.host)).toEqual(requests.map(() => `localhost:${caddy.port}`));
    const addresses = requests.map((request) => remoteAddressOf(request, new TrustedProxies(['127.0.0.1'])));
    expect(addresses).toEqual(['127.0.0.1', '127.0.0.2']);
  });

  test('large transfers both ways lose no byte, though Caddy is reloaded in the middle', async () => {
    const fixture = await startRelay();
    const caddy = await startCaddy(fixture);
    const tunnels = { client: dial(fixture, caddy), server: dial(fixture, caddy) };
    const suspended = { client: 0, server: 0 };
    tunnels.client.on('suspend', () => suspended.client++);
    tunnels.server.on('suspend', () => suspended.server++);
    const { client, server } = await fixture.pair('transfer', tunnels);

    let receivedBytes = 0;
    server.on('data', ({ length }: Buffer) => {
      receivedBytes += length;
    });
    const received = [readSeeded(client, 1), readSeeded(server, 2)];
    const isReloaded = () => suspended.client > 0 && suspended.server > 0;
    const sent = [sendUntil(isReloaded, server, 1), sendUntil(isReloaded, client, 2)];
    await until(() => receivedBytes > 4 * MIB, 'the transfers to be under way');
    caddy.reload();
    expect((await Promise.all(received)).map(({ bytes }) => bytes)).toEqual(await Promise.all(sent));
    expect(suspended).toEqual({ client: 1, server: 1 });
  });
});
