/** The relay behind a real nginx, with the very configuration of docs/deploy.md. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
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
import { adapt, NGINX_SNIPPET, snippetOf } from './snippets.js';

const MIB = 2 ** 20;
const isHere = areInstalled(['nginx'], ['nginx']);

checkLeaksAfterEach();

interface Nginx {
  port: number;
  url: string;
  reload(): void;
}

/** nginx with the snippet in front of a relay; `changes` besides those of ports, names and certificates. */
async function startNginx(fixture: RelayFixture, changes: Readonly<Record<string, string>> = {}): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-nginx-'));
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const certificate = '/etc/letsencrypt/live/relay.example.com';
  const places = (port: number) => ({
    'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
    'http://127.0.0.1:8080': new URL(fixture.url.replace('ws:', 'http:')).origin,
    [`${certificate}/fullchain.pem`]: file('certificate.pem', FOR_LOCALHOST.cert),
    [`${certificate}/privkey.pem`]: file('key.pem', FOR_LOCALHOST.key),
    'relay.example.com': 'localhost',
  });
  const main = join(folder, 'nginx.conf');
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const { port, stop } = await startServer(
    'nginx',
    (free) => {
      const snippet = file('snippet.conf', adapt(snippetOf(NGINX_SNIPPET), { ...places(free), ...changes }));
      file(
        'nginx.conf',
        [
          `daemon off; pid ${folder}/pid; error_log stderr notice; worker_processes 1; worker_shutdown_timeout 1s;`,
          process.getuid?.() === 0 ? 'user root;' : '',
          'events {}',
          `http { access_log off; ${paths.join(' ')} include ${snippet}; }`,
        ].join('\n'),
      );
      return ['-c', main];
    },
    /start worker process \d/,
  );
  // Not before the last words of the streams are through.
  fixture.alsoClose.push(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });
  const reload = (): void => {
    const { status, stderr } = spawnSync('nginx', ['-c', main, '-s', 'reload'], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
  };
  return { port, url: `wss://localhost:${port}/trunkline`, reload };
}

/** As a page of that origin dials. */
const asPageOf = (origin: string) => ({ ws: { ca: FOR_LOCALHOST.cert, origin } });

function dial(fixture: RelayFixture, nginx: Nginx, path = nginx.url): Tunnel {
  return fixture.dial(asPageOf(`https://localhost:${nginx.port}`), path);
}

describe.runIf(isHere)('behind nginx', { timeout: 60_000 }, () => {
  test('a page of the same host is served, and the relay knows where it is', async () => {
    const fixture = await startRelay({ trustedProxies: ['127.0.0.1'] });
    const requests: IncomingMessage[] = [];
    fixture.relay.on('connection', (connection) => requests.push(connection.request as IncomingMessage));
    const nginx = await startNginx(fixture);
    const { client, server } = await fixture.pair('echo', {
      client: dial(fixture, nginx),
      server: dial(fixture, nginx),
    });
    server.pipe(server);
    client.end('hello');
    expect(String(Buffer.concat(await client.toArray()))).toBe('hello');

    // From another address of this machine, with a word of its own on where it comes from.
    const headers = { 'X-Forwarded-For': '203.0.113.9' };
    await fixture.dial({ ws: { ca: FOR_LOCALHOST.cert, localAddress: '127.0.0.2', headers } }, nginx.url).opened;
    const [last] = requests.slice(-1);
    expect(last?.headers['x-forwarded-for']).toBe('203.0.113.9, 127.0.0.2');
    expect(remoteAddressOf(last as IncomingMessage, new TrustedProxies(['127.0.0.1']))).toBe('127.0.0.2');
    expect(requests).toHaveLength(3);
    expect(requests.map(({ headers }) => headers.host)).toEqual(requests.map(() => `localhost:${nginx.port}`));
  });

  test.each([
    ['another site', () => 'https://evil.example'],
    ['another port of the same host', (port: number) => `https://localhost:${port + 1}`],
    ['the same host without its port', () => 'https://localhost'],
    ['a sandbox', () => 'null'],
  ])('a page of %s is refused', async (_what, originOf) => {
    const fixture = await startRelay();
    const nginx = await startNginx(fixture);
    expect(await statusOf(nginx, { Origin: originOf(nginx.port) })).toBe(403);
    expect(await statusOf(nginx, { Origin: `https://localhost:${nginx.port}` })).toBe(101);
    expect(fixture.relay.stats().tunnels.opened).toBe(1);
  });

  test('large transfers both ways lose no byte, though nginx is reloaded in the middle', async () => {
    const fixture = await startRelay();
    const nginx = await startNginx(fixture);
    const tunnels = { client: dial(fixture, nginx), server: dial(fixture, nginx) };
    const suspended = { client: 0, server: 0 };
    tunnels.client.on('suspend', () => suspended.client++);
    tunnels.server.on('suspend', () => suspended.server++);
    const { client, server } = await fixture.pair('transfer', tunnels);

    const received = [readSeeded(client, 1), readSeeded(server, 2)];
    const receivedBytes = { client: 0, server: 0 };
    client.on('data', ({ length }: Buffer) => {
      receivedBytes.client += length;
    });
    server.on('data', ({ length }: Buffer) => {
      receivedBytes.server += length;
    });
    const isReloaded = () => suspended.client > 0 && suspended.server > 0;
    const sent = [sendUntil(isReloaded, server, 1), sendUntil(isReloaded, client, 2)];
    await until(() => Math.min(receivedBytes.client, receivedBytes.server) > 4 * MIB, 'both transfers to be under way');
    nginx.reload();
    expect((await Promise.all(received)).map(({ bytes }) => bytes)).toEqual(await Promise.all(sent));
    expect(suspended).toEqual({ client: 1, server: 1 });
  });

  test('an idle tunnel is kept by heartbeats, and one without them is only a pause', async () => {
    const timeouts = { '75s': '1s' };
    const quiet = await startRelay({ heartbeat: { intervalMs: 60_000 } });
    const beating = await startRelay({ heartbeat: { intervalMs: 200 } });
    const [withoutBeats, withBeats] = [await startNginx(quiet, timeouts), await startNginx(beating, timeouts)];
    const kept = await beating.pair('kept', { client: dial(beating, withBeats), server: dial(beating, withBeats) });
    const lost: string[] = [];
    for (const tunnel of beating.tunnels) tunnel.on('suspend', () => lost.push('with heartbeats'));

    // Idle for as long as it takes nginx to cut what was idle no longer than the others.
    const cut = await quiet.pair('cut', { client: dial(quiet, withoutBeats), server: dial(quiet, withoutBeats) });
    for (const tunnel of quiet.tunnels) tunnel.on('suspend', () => lost.push('without'));
    await until(() => lost.length >= 2, 'nginx to cut what is idle', 30_000);
    expect(lost).toEqual(lost.map(() => 'without'));

    for (const { client, server } of [kept, cut]) {
      server.pipe(server);
      client.end('still here');
      expect(String(Buffer.concat(await client.toArray()))).toBe('still here');
    }
  });
});

/** How an upgrade is answered. */
async function statusOf(nginx: Nginx, headers: Record<string, string>): Promise<number> {
  const upgrade = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Protocol': 'trunkline.1',
  };
  const options = { host: 'localhost', port: nginx.port, path: '/trunkline', ca: FOR_LOCALHOST.cert, agent: false };
  const asked = request({ ...options, headers: { ...upgrade, ...headers } }).end();
  const [response, socket] = await Promise.race([once(asked, 'upgrade'), once(asked, 'response')]);
  if (socket) socket.destroy();
  else response.resume();
  return response.statusCode;
}
