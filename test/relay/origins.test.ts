import { describe, expect, test } from 'vitest';
import { isOriginAllowed, parseOrigins } from '../../relay/origins.js';

const check = (origin: string | undefined, host: string | undefined, origins?: string[]) =>
  isOriginAllowed(
    { ...(origin === undefined ? {} : { origin }), ...(host === undefined ? {} : { host }) },
    origins && parseOrigins(origins),
  );

test('whoever names no origin is no page, and let in', () => {
  expect(check(undefined, 'example.com')).toBe(true);
  expect(check(undefined, undefined)).toBe(true);
  expect(check(undefined, 'example.com', [])).toBe(true);
});

describe('without a list, pages of the host itself are served', () => {
  test.each([
    ['https://example.com', 'example.com'],
    ['http://localhost:8080', 'localhost:8080'],
    ['http://127.0.0.1:8080', '127.0.0.1:8080'],
    ['http://[::1]:8080', '[::1]:8080'],
    // Behind a proxy that ends TLS, or without one: the relay cannot see the scheme.
    ['http://example.com', 'example.com'],
    // Default ports, said and not said.
    ['https://example.com', 'example.com:443'],
    ['https://example.com:443', 'example.com'],
    ['http://example.com', 'example.com:80'],
    // Names have no case.
    ['https://EXAMPLE.com', 'example.COM'],
    ['HTTPS://example.com', 'example.com'],
  ])('%s at %s', (origin, host) => {
    expect(check(origin, host)).toBe(true);
  });
});

describe('without a list, all other pages are refused', () => {
  test.each([
    ['another host', 'https://evil.com', 'example.com'],
    ['no host at all', 'https://example.com', undefined],
    ['an empty host', 'https://example.com', ''],
    ['a sandbox, or a file', 'null', 'example.com'],
    ['a sandbox, at a host of that name', 'null', 'null'],
    ['nothing', '', 'example.com'],
    ['an address for a name', 'http://127.0.0.1:8080', 'localhost:8080'],
    ['a name for an address', 'http://localhost:8080', '127.0.0.1:8080'],
    ['a look-alike in front', 'https://evil-example.com', 'example.com'],
    ['a look-alike behind', 'https://example.com.evil', 'example.com'],
    ['a subdomain', 'https://www.example.com', 'example.com'],
    ['the domain above', 'https://example.com', 'www.example.com'],
    ['a trailing dot', 'https://example.com.', 'example.com'],
    ['another port', 'http://localhost:5173', 'localhost:8080'],
    ["another scheme's default port", 'https://example.com', 'example.com:80'],
    ['a user', 'https://example.com@evil.com', 'example.com'],
    ['the host as a user', 'https://example.com:443@evil.com', 'example.com:443'],
    ['a path', 'https://example.com/', 'example.com'],
    ['two of them', 'https://example.com, https://evil.com', 'example.com'],
    ['two of them, the other way', 'https://evil.com,https://example.com', 'example.com'],
    ['a blank', 'https://example.com evil.com', 'example.com'],
    ['an extension of that name', 'chrome-extension://example.com', 'example.com'],
    ['an app', 'capacitor://localhost', 'localhost'],
    ['a file of that host', 'file://example.com', 'example.com'],
    ['no scheme', 'example.com', 'example.com'],
    ['a backslash', 'https:\\\\example.com', 'example.com'],
    ['a host with a path', 'https://example.com', 'example.com/x'],
    ['a host with a user', 'https://example.com', 'x@example.com'],
    ['two hosts', 'https://example.com', 'example.com, evil.com'],
    ['a port that is none', 'https://example.com:99999', 'example.com:99999'],
  ])('%s', (_what, origin, host) => {
    expect(check(origin, host)).toBe(false);
  });
});

describe('a list', () => {
  const LIST = ['https://example.com', 'http://localhost:3000', 'chrome-extension://abcdef'];

  test.each(['https://example.com', 'https://example.com:443', 'http://localhost:3000', 'chrome-extension://abcdef'])(
    'lets %s in, wherever the relay is',
    (origin) => {
      expect(check(origin, 'relay.example.net', LIST)).toBe(true);
      expect(check(origin, undefined, LIST)).toBe(true);
    },
  );

  test.each([
    'http://example.com',
    'https://example.com:8443',
    'https://www.example.com',
    'https://evil-example.com',
    'https://example.com.evil',
    'https://example.com.',
    'https://localhost:3000',
    'http://127.0.0.1:3000',
    'moz-extension://abcdef',
    'null',
    '',
  ])('and not %j', (origin) => {
    expect(check(origin, 'example.com', LIST)).toBe(false);
  });

  test('stands for itself: the own host is not in it unless it is', () => {
    expect(check('https://relay.example.net', 'relay.example.net', LIST)).toBe(false);
  });

  test('may be empty: no page at all', () => {
    expect(check('https://example.com', 'example.com', [])).toBe(false);
  });

  test('may be written in capitals and with the default port', () => {
    expect(check('https://example.com', 'x', ['HTTPS://Example.com:443'])).toBe(true);
  });

  test('may be written with a slash behind, which no page has', () => {
    expect(check('https://example.com', 'x', ['https://example.com/'])).toBe(true);
    expect(check('http://localhost:3000', 'x', ['http://localhost:3000/'])).toBe(true);
    expect(check('https://example.com/', 'x', ['https://example.com/'])).toBe(false);
  });

  test.each([
    '*',
    'null',
    '',
    'example.com',
    'https://*.example.com',
    'https://example.com//',
    'https://example.com/app',
    'https://example.com/app/',
    'https://example.com?',
    'https://',
    'https:///',
    '/',
    'https://user@example.com',
    'https://a.com,https://b.com',
    'https://example.com:99999',
    ' https://example.com',
    ['https://example.com'] as never,
    5 as never,
  ])('takes no %j', (text) => {
    expect(() => parseOrigins(['https://example.com', text])).toThrow(RangeError);
    expect(() => parseOrigins([text])).toThrow(`unlike ${JSON.stringify(text)}`);
  });
});
