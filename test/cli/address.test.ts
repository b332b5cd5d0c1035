import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../cli/address.js';
import { UsageError } from '../../cli/flags.js';

describe('an address', () => {
  test.each([
    ['80', { host: '127.0.0.1', port: 80 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
    ['192.168.0.9:9100', { host: '192.168.0.9', port: 9100 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
  ])('%s', (text, address) => {
    expect(parseAddress('--tcp', text, 1)).toEqual(address);
  });

  test('is written as it is read', () => {
    for (const text of ['localhost:80', '[::1]:80']) expect(formatAddress(parseAddress('--tcp', text, 1))).toBe(text);
  });

  test.each(['', 'http', ':80', '::1:80', '[::1]', 'a b:80', 'localhost:', 'localhost:-1', '0x50'])(
    '%j is none',
    (text) => {
      expect(() => parseAddress('--tcp', text, 0)).toThrow(UsageError);
      expect(() => parseAddress('--tcp', text, 0)).toThrow(/^--tcp must be HOST:PORT, \[IPV6\]:PORT or PORT, not "/);
    },
  );

  test('has a port that there is; 0 where any free one may be taken', () => {
    expect(parseAddress('--tcp', '0', 0).port).toBe(0);
    expect(() => parseAddress('--tcp', '0', 1)).toThrow('--tcp must have a port from 1 to 65535, unlike "0"');
    expect(() => parseAddress('--tcp', 'a:65536', 0)).toThrow(
      '--tcp must have a port from 0 to 65535, unlike "a:65536"',
    );
  });
});
