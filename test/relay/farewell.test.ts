import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { StreamClient, type Tunnel } from '../../src/index.js';
import { tunnelInternals } from '../support/internals.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

/** What a page says with a beacon. */
async function post(fixture: RelayFixture, body: string, method = 'POST'): Promise<number> {
  const url = new URL(`${fixture.url.replace('ws:', 'http:')}/farewell`);
  const sent = request(url, { method, agent: false });
  sent.on('error', () => {});
  sent.end(body);
  const [response] = await once(sent, 'response');
  response.resume();
  await once(response, 'close');
  return response.statusCode;
}

const endpointOf = (tunnel: Tunnel): string => tunnelInternals(tunnel).core.connections.endpoint as string;

/** A tunnel that says where it is from, as pages do, behind a proxy that can cut it. */
async function dialAsPage(fixture: RelayFixture): Promise<{ page: Tunnel; proxy: TcpProxy }> {
  const proxy = await TcpProxy.start(fixture.url);
  fixture.alsoClose.push(() => proxy.close());
  const page = fixture.dial({ ws: { origin: proxy.url.replace(/^ws(.*)\/trunkline$/, 'http$1') } }, proxy.url);
  await page.opened;
  return { page, proxy };
}

describe('a page that leaves, and whose last words are lost with its socket', () => {
  it('as a client: its listener learns TUNNEL_CLOSED when the beacon comes, and waits for nothing', async () => {
    const fixture = await startRelay();
    const { page, proxy } = await dialAsPage(fixture);
    const { client, server } = await fixture.pair('NAME', { client: page });
    client.on('error', () => {});
    const failed = once(server, 'error');
    let wasSuspended = false;
    server.on('suspend', () => {
      wasSuspended = true;
    });
    proxy.refuse();
    proxy.cut();
    expect(await post(fixture, endpointOf(page))).toBe(204);
    expect((await failed)[0]).toMatchObject({ code: 'TUNNEL_CLOSED' });
    expect(wasSuspended).toBe(false);
    page.close();
  });

  it('as a listener: its name is free, and its clients learn LISTENER_GONE', async () => {
    const fixture = await startRelay();
    const { page, proxy } = await dialAsPage(fixture);
    await fixture.listen('NAME', (stream) => void stream.on('error', () => {}), {}, page);
    const client = StreamClient(fixture.dial()).connect('NAME');
    await client.opened;
    const failed = once(client, 'error');
    proxy.refuse();
    proxy.cut();
    expect(await post(fixture, endpointOf(page))).toBe(204);
    expect((await failed)[0]).toMatchObject({ code: 'LISTENER_GONE' });
    expect(fixture.relay.servers()).toEqual([]);
    page.close();
  });

  it('ends its connection as well, if that is still there', async () => {
    const fixture = await startRelay();
    const { page } = await dialAsPage(fixture);
    expect(await post(fixture, endpointOf(page))).toBe(204);
    expect(await page.closed).toMatchObject({ code: 'TUNNEL_CLOSED' });
  });
});

it('a page that is only cut off is waited for, once it had the time to say that it left', async () => {
  const fixture = await startRelay();
  const { page, proxy } = await dialAsPage(fixture);
  const { client, server } = await fixture.pair('NAME', { client: page });
  proxy.refuse();
  proxy.cut();
  await until(() => server.suspended, 'the other side to be told');
  proxy.admit();
  await until(() => !client.suspended && !server.suspended, 'both to go on');
  const got = once(server, 'data');
  client.end('as before');
  expect(String((await got)[0])).toBe('as before');
  server.end();
  await Promise.all([once(client.resume(), 'close'), once(server, 'close')]);
});

describe('a farewell that is none', () => {
  it('ends nobody: a wrong secret, too short, too long, another method', async () => {
    const fixture = await startRelay();
    const { page } = await dialAsPage(fixture);
    expect(await post(fixture, 'f'.repeat(32))).toBe(204);
    expect(await post(fixture, endpointOf(page).slice(1))).toBe(204);
    expect(await post(fixture, `${endpointOf(page)}0`)).toBe(413);
    expect(await post(fixture, endpointOf(page), 'PUT')).toBe(405);
    expect(page.state).toBe('open');
    expect(fixture.relay.stats().tunnels.active).toBe(1);
  });

  it("leaves the application's own routes alone", async () => {
    const server = createServer((_, response) => void response.writeHead(200).end());
    const fixture = await startRelay();
    const { relay } = fixture;
    await once(server.listen(0, '127.0.0.1'), 'listening');
    relay.install(server, '/other');
    const { port } = server.address() as { port: number };
    expect((await fetch(`http://127.0.0.1:${port}/farewell`, { method: 'POST', keepalive: false })).status).toBe(200);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
