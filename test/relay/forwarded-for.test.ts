import { describe, expect, test } from 'vitest';
import { remoteAddressOf, TrustedProxies } from '../../relay/forwarded-for.js';

const from = (remoteAddress: string | undefined, forwardedFor?: string) => ({
  socket: { remoteAddress },
  headers: forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor },
});
const PROXIES = new TrustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1']);

describe('the address is', () => {
  test.each([
    ["the socket's, whoever else is named", '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ["the socket's, where the proxy names nobody", '10.0.0.1', undefined, '10.0.0.1'],
    ['whom the proxy names', '10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['whom the outermost of several names', '10.0.0.1', '203.0.113.9, 10.1.1.1, 192.0.2.7', '203.0.113.9'],
    ['not what stands to the left of that', '10.0.0.1', '198.51.100.1, 203.0.113.9', '203.0.113.9'],
    ["not even if that is a proxy's", '10.0.0.1', '10.2.2.2, 203.0.113.9, 10.1.1.1', '203.0.113.9'],
    ['the outermost proxy, where there are only proxies', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['of IPv6', 'fd00::5', '2001:DB8:0:0::1', '2001:db8::1'],
    ['of IPv4, where the socket says it in IPv6', '::ffff:10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    ['of IPv4 in IPv6 in hexadecimal', '::ffff:a00:1', '::FFFF:cb00:7109', '203.0.113.9'],
    ['without its port', '10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
    ['without brackets and port', '::1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['without brackets', '::1', '[2001:db8::1]', '2001:db8::1'],
    ['without its zone', 'fe80::1%eth0', undefined, 'fe80::1'],
    ['without the blanks around', '10.0.0.1', ' 198.51.100.1 ,\t203.0.113.9 ', '203.0.113.9'],
  ])('%s', (_what, peer, header, expected) => {
    expect(remoteAddressOf(from(peer, header), PROXIES)).toBe(expected);
  });

  test('nobody, on a socket without addresses', () => {
    expect(remoteAddressOf(from(undefined, '203.0.113.9'), PROXIES)).toBeUndefined();
  });

  test("the socket's, where no proxy is trusted", () => {
    expect(remoteAddressOf(from('127.0.0.1', '203.0.113.9'), new TrustedProxies())).toBe('127.0.0.1');
  });
});

describe('what is no address ends the search at the proxy that said it', () => {
  test.each([
    'unknown',
    '_hidden',
    '',
    ',',
    '203.0.113.9,',
    '203.0.113.9, unknown',
    '203.0.113.999',
    '010.0.0.1',
    '203.0.113.9 198.51.100.1',
    '[2001:db8::1',
    '203.0.113.9:port',
    '0x7f.1',
    'for=203.0.113.9',
  ])('%j', (header) => {
    expect(remoteAddressOf(from('10.0.0.1', header), PROXIES)).toBe('10.0.0.1');
  });

  test('which may be one further out', () => {
    expect(remoteAddressOf(from('10.0.0.1', 'junk, 192.0.2.7'), PROXIES)).toBe('192.0.2.7');
  });
});

test('the other headers of proxies say nothing', () => {
  const headers = { 'x-real-ip': '203.0.113.9', forwarded: 'for=203.0.113.9' };
  expect(remoteAddressOf({ socket: { remoteAddress: '10.0.0.1' }, headers }, PROXIES)).toBe('10.0.0.1');
});

describe('a list of proxies', () => {
  test.each([
    'localhost',
    '',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/a',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::/129',
    '10.0.0',
    '10.0.0.1:80',
    '::ffff:10.0.0.0/104',
    '::ffff:10.0.0.0/24',
    ' 10.0.0.1',
    ['10.0.0.1'] as never,
    null as never,
  ])('takes no %j', (range) => {
    expect(() => new TrustedProxies([range])).toThrow(RangeError);
    expect(() => new TrustedProxies(['10.0.0.1', range])).toThrow(`unlike ${JSON.stringify(range)}`);
  });

  test('may be everybody, and may be one address in either form', () => {
    expect(remoteAddressOf(from('8.8.8.8', '1.1.1.1'), new TrustedProxies(['0.0.0.0/0']))).toBe('1.1.1.1');
    expect(remoteAddressOf(from('2001:db8::2', '1.1.1.1'), new TrustedProxies(['::/0']))).toBe('1.1.1.1');
    expect(remoteAddressOf(from('10.0.0.1', '1.1.1.1'), new TrustedProxies(['::ffff:10.0.0.1']))).toBe('1.1.1.1');
  });

  test('of IPv4 says nothing of IPv6', () => {
    expect(remoteAddressOf(from('2001:db8::2', '1.1.1.1'), new TrustedProxies(['0.0.0.0/0']))).toBe('2001:db8::2');
  });
});
