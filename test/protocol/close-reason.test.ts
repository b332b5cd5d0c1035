import { expect, test } from 'vitest';
import { closeReason } from '../../src/transport/close-reason.js';

test.each([
  ['short', 'PROTOCOL', 'PROTOCOL'],
  ['123 bytes', 'a'.repeat(123), 'a'.repeat(123)],
  ['124 bytes', 'a'.repeat(124), 'a'.repeat(123)],
  ['41 euro signs are 123 bytes', '€'.repeat(41), '€'.repeat(41)],
  ['100 euro signs', '€'.repeat(100), '€'.repeat(41)],
  ['a pair across the border', `${'a'.repeat(121)}😀`, 'a'.repeat(121)],
])('a close reason fits a control frame: %s', (_what, text, reason) => {
  expect(closeReason(text)).toBe(reason);
});
