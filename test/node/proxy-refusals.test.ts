import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ProxyError } from '../../src/node/proxy-agent.js';
import { dialConnection } from '../../src/runtime/dial-connection.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { cleanUpAfterEach } from './echo-fixture.js';
import { failureOf, ownEnvironment, startProxy } from './proxy-fixture.js';

checkLeaksAfterEach();
cleanUpAfterEach();
ownEnvironment();

const PASSWORD = 'pAssw0rd';

/** All that a log could show of it. */
function textOf(error: Error): string {
  const { cause } = error;
  return `${error.message} ${error.stack} ${JSON.stringify(error)} ${cause instanceof Error ? textOf(cause) : ''}`;
}

describe.each([
  ['our own frames', {}],
  ['the frames of `ws`', { perMessageDeflate: true }],
])('a refusal, with %s', (_, ws) => {
  it.each([
    [407, 'UNAUTHENTICATED', false],
    [400, 'FORBIDDEN', false],
    [403, 'FORBIDDEN', false],
    [499, 'FORBIDDEN', false],
    [500, 'CONNECTION_LOST', true],
    [502, 'CONNECTION_LOST', true],
    [204, 'CONNECTION_LOST', true],
    [302, 'CONNECTION_LOST', true],
  ] as const)('with status %i is %s', async (status, code, retryable) => {
    const proxy = await startProxy();
    proxy.refuse(status);
    const error = await failureOf('wss://relay.test/', { proxy: proxy.urlFor('me', PASSWORD), ws });
    expect([error.code, error.retryable]).toEqual([code, retryable]);
    expect(error.message).toBe(`the proxy ${proxy.authority} refused the connection with status ${status}`);
    expect(error.cause).toBeInstanceOf(ProxyError);
    expect((error.cause as ProxyError).statusCode).toBe(status);
    expect(textOf(error)).not.toContain(PASSWORD);
  });

  it.each([
    ['none', (url: string) => url],
    ['others', (url: string) => url.replace('//', `//me:${PASSWORD}@`)],
  ])('because of credentials: %s', async (_what, urlOf) => {
    const proxy = await startProxy({ credentials: `me:not${PASSWORD}` });
    const error = await failureOf('ws://relay.test/', { proxy: urlOf(proxy.url), ws });
    expect([error.code, (error.cause as ProxyError).statusCode]).toEqual(['UNAUTHENTICATED', 407]);
    expect(textOf(error)).not.toContain(PASSWORD);
  });

  const oddities: [string, (socket: Duplex) => unknown, string][] = [
    ['no HTTP', (socket) => socket.end('SSH-2.0-OpenSSH\r\n\r\n'), 'gave no answer that is HTTP'],
    ['an empty line', (socket) => socket.end('\r\n\r\n'), 'No header received'],
    ['a broken header', (socket) => socket.end('HTTP/1.1 200 OK\r\nno colon\r\n\r\n'), 'Invalid header'],
    ['half an answer', (socket) => socket.end('HTTP/1.1 200 O'), 'ended before'],
    ['nothing', (socket) => socket.end(), 'ended before'],
    ['a reset', (socket) => (socket as Duplex & { resetAndDestroy(): void }).resetAndDestroy(), 'ECONNRESET'],
  ];

  it.each(oddities)('by %s', async (_what, answer, detail) => {
    const proxy = await startProxy();
    proxy.answer = answer;
    const error = await failureOf('ws://relay.test/', { proxy: proxy.urlFor('me', PASSWORD), ws });
    expect([error.code, error.retryable]).toEqual(['CONNECTION_LOST', true]);
    expect(error.message).toContain(`the proxy ${proxy.authority} `);
    expect(error.message).toContain(detail);
    expect(error.cause).toBeInstanceOf(ProxyError);
    expect((error.cause as ProxyError).statusCode).toBeUndefined();
    expect(textOf(error)).not.toContain(PASSWORD);
  });

  it.each(['127.0.0.1', 'localhost'])('by a proxy at %s that is gone', async (host) => {
    const proxy = await startProxy();
    await proxy.close();
    const { port } = new URL(proxy.url);
    const error = await failureOf('wss://relay.test/', { proxy: `http://me:${PASSWORD}@${host}:${port}`, ws });
    expect([error.code, error.retryable]).toEqual(['CONNECTION_LOST', true]);
    expect(error.message).toMatch(new RegExp(`^the proxy ${host}:${port} cannot be used: .*ECONNREFUSED`));
    expect((error.cause as ProxyError).statusCode).toBeUndefined();
    expect(textOf(error)).not.toContain(PASSWORD);
  });
});

it('the port that a proxy has by default is said as well', async () => {
  // Nothing listens there.
  const error = await failureOf('ws://relay.test/', { proxy: 'http://[::1]', ws: {} });
  expect(error.message).toContain('the proxy [::1]:80 cannot be used');
});

describe('what is no proxy is a TypeError at once', () => {
  const say = "a proxy's URL starts with http: or https:, not";
  it.each([
    ['', 'the proxy is not a URL such as http://user:password@host:port'],
    [`http://me:${PASSWORD}@`, 'the proxy is not a URL such as http://user:password@host:port'],
    [`http://me:${PASSWORD}@proxy.test:99999`, 'the proxy is not a URL such as http://user:password@host:port'],
    [`socks5://me:${PASSWORD}@proxy.test`, `${say} socks5:`],
    ['proxy.test:3128', `${say} proxy.test:`],
    [new URL(`ftp://me:${PASSWORD}@proxy.test`), `${say} ftp:`],
    [null as never, 'the proxy is not a URL such as http://user:password@host:port'],
    [`http://me:${PASSWORD}%ff@proxy.test`, "the user name or password in a proxy's URL is not percent-encoded UTF-8"],
  ])('%s', (proxy, message) => {
    const error = thrownBy(() => dialConnection('ws://relay.test/', { proxy }));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(message);
    expect(textOf(error)).not.toContain(PASSWORD);
  });

  it('the environment included', () => {
    process.env.all_proxy = `socks5://me:${PASSWORD}@proxy.test`;
    const error = thrownBy(() => dialConnection('ws://relay.test/', {}));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(`${say} socks5:`);
  });
});

function thrownBy(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
