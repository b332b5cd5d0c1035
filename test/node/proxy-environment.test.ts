import { describe, expect, it } from 'vitest';
import type { DialOptions } from '../../src/transport/dial.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { until } from '../support/until.js';
import { cleanUpAfterEach, echoes, startEcho } from './echo-fixture.js';
import { closeAfterEach } from './framed-fixture.js';
import { dialThrough, failureOf, ownEnvironment, startProxy } from './proxy-fixture.js';

checkLeaksAfterEach();
closeAfterEach();
cleanUpAfterEach();
ownEnvironment();

/** Dials, and says what a proxy that refuses everybody was asked for: nothing, if the dial went elsewhere. */
async function askedFor(
  url: string,
  variablesOf: (proxyUrl: string) => Record<string, string>,
  options: DialOptions = {},
): Promise<string[]> {
  const proxy = await startProxy();
  proxy.refuse(503);
  Object.assign(process.env, variablesOf(proxy.url));
  // What goes past the proxy goes nowhere: a lookup that fails is quicker than a network that may be there or not.
  const lookup = (_host: string, _options: object, done: (error: Error) => void): void => done(new Error('no lookup'));
  await failureOf(url, { ws: { lookup }, ...options });
  return proxy.asked;
}

describe('the environment', () => {
  it.each([
    ['ws', 'http_proxy', 'relay.test:80'],
    ['ws', 'HTTP_PROXY', 'relay.test:80'],
    ['ws', 'all_proxy', 'relay.test:80'],
    ['ws', 'ALL_PROXY', 'relay.test:80'],
    ['wss', 'https_proxy', 'relay.test:443'],
    ['wss', 'HTTPS_PROXY', 'relay.test:443'],
    ['wss', 'all_proxy', 'relay.test:443'],
  ])('names the proxy of %s: in %s', async (scheme, name, asked) => {
    expect(await askedFor(`${scheme}://relay.test/`, (url) => ({ [name]: url }))).toEqual([asked]);
  });

  it.each([
    ['ws', 'https_proxy'],
    ['wss', 'http_proxy'],
    ['ws', 'ws_proxy'],
  ])('names no proxy of %s in %s', async (scheme, name) => {
    expect(await askedFor(`${scheme}://relay.test/`, (url) => ({ [name]: url }))).toEqual([]);
  });

  it.each(['http_proxy', 'https_proxy', 'ALL_PROXY'])('may leave out the scheme, in %s', async (name) => {
    const scheme = name === 'http_proxy' ? 'ws' : 'wss';
    const asked = await askedFor(`${scheme}://relay.test/`, (url) => ({ [name]: url.replace('http://', '') }));
    expect(asked.length).toBe(1);
  });

  it('means TLS where it says https', async () => {
    const asked = await askedFor('wss://relay.test/', (url) => ({ https_proxy: url.replace('http:', 'https:') }));
    // The proxy of the test speaks none.
    expect(asked).toEqual([]);
  });

  it.each([
    ['relay.test', true],
    ['.test', true],
    ['*', true],
    ['other.test, relay.test:443', true],
    ['other.test', false],
    ['relay.test:80', false],
    ['test', false],
  ])('exempts what no_proxy says: %s', async (no_proxy, isExempt) => {
    const asked = await askedFor('wss://relay.test/', (https_proxy) => ({ https_proxy, no_proxy }));
    expect(asked).toEqual(isExempt ? [] : ['relay.test:443']);
  });

  it('and its no_proxy do not matter where a proxy is given', async () => {
    const proxy = await startProxy();
    proxy.refuse(503);
    const asked = await askedFor('ws://relay.test/', (http_proxy) => ({ http_proxy, no_proxy: '*' }), {
      proxy: proxy.url,
    });
    expect([asked, proxy.asked]).toEqual([[], ['relay.test:80']]);
  });

  it('does not matter where there shall be none', async () => {
    const asked = await askedFor('ws://relay.test/', (http_proxy) => ({ http_proxy }), { proxy: false });
    expect(asked).toEqual([]);
  });

  it('is looked at for every dial', async () => {
    const proxy = await startProxy();
    proxy.refuse(503);
    for (const name of ['http_proxy', 'HTTP_PROXY']) {
      process.env[name] = proxy.url;
      await failureOf('ws://relay.test/', {});
      delete process.env[name];
    }
    expect(proxy.asked.length).toBe(2);
  });
});

describe('this machine itself', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['localhost', '127.0.0.1'],
  ])('is dialed past the proxy of the environment, as %s, unless the proxy is given', async (host, address) => {
    const { port } = await startEcho();
    const proxy = await startProxy({ hosts: { localhost: port } });
    Object.assign(process.env, { http_proxy: proxy.url });
    const direct = dialThrough(`ws://${host}:${port}/`, { ws: { family: 4 } });
    await echoes(direct.connection, direct.told);
    expect(proxy.asked).toEqual([]);
    const { connection, told } = dialThrough(`ws://${host}:${port}/`, { proxy: proxy.url });
    await echoes(connection, told);
    expect(proxy.asked).toEqual([`${host === 'localhost' ? host : address}:${port}`]);
  });

  it.each(['a.localhost', 'localhost.', '127.255.0.3', '[::1]'])('is also %s', async (host) => {
    // Nothing listens on port 1.
    expect(await askedFor(`ws://${host}:1/`, (http_proxy) => ({ http_proxy }))).toEqual([]);
  });

  it.each(['notlocalhost', 'localhost.test', '127.0.0.1.test', '128.0.0.1', '[::2]', '[::ffff:1:1]'])(
    'is not %s',
    async (host) => {
      expect(await askedFor(`ws://${host}:1/`, (http_proxy) => ({ http_proxy }))).toEqual([`${host}:1`]);
    },
  );
});

it('a proxy that is gone does not keep a dial that needs none', async () => {
  const { port } = await startEcho();
  const proxy = await startProxy();
  await proxy.close();
  process.env.http_proxy = proxy.url;
  const { connection, told } = dialThrough(`ws://127.0.0.1:${port}/`, {});
  await echoes(connection, told);
  await until(() => told.breaches.length === 0, 'no breach');
});
