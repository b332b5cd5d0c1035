import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { prove } from '../../src/runtime/prove.js';

test('is HMAC-SHA-256, cut to 128 bits, in hexadecimal', () => {
  const expected = createHmac('sha256', 'a key').update('what is claimed, ü included').digest('hex').slice(0, 32);
  expect(prove('a key', 'what is claimed, ü included')).toBe(expected);
});

test('differs with the key and with the statement', () => {
  expect(new Set([prove('k', 's'), prove('l', 's'), prove('k', 't')]).size).toBe(3);
});
