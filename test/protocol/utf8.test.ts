import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeUtf8, encodeUtf8, truncateUtf8 } from '../../src/protocol/utf8.js';

test.each([
  ['one byte', 'aaaa', 3, 'aaa'],
  ['two bytes, at the border', 'éé', 4, 'éé'],
  ['two bytes, inside', 'éé', 3, 'é'],
  ['three bytes, at the border', '€€', 6, '€€'],
  ['three bytes, inside by one', '€€', 5, '€'],
  ['three bytes, inside by two', '€€', 4, '€'],
  ['a surrogate pair, at the border', '😀😀', 8, '😀😀'],
  ['a surrogate pair, inside', '😀😀', 7, '😀'],
  ['a surrogate pair, first byte', '😀', 1, ''],
  ['nothing', '', 0, ''],
  ['no room', 'a', 0, ''],
])('cut %s', (_what, text, maxBytes, cut) => {
  expect(truncateUtf8(text, maxBytes)).toBe(cut);
});

test('a cut text is a beginning, fits, and one character more would not', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (text, maxBytes) => {
      const cut = truncateUtf8(text, maxBytes);
      expect(text.startsWith(cut)).toBe(true);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(maxBytes);
      const [next = ''] = text.slice(cut.length);
      if (cut !== text) expect(Buffer.byteLength(cut + next)).toBeGreaterThan(maxBytes);
    }),
  );
});

test('a lone surrogate does no harm', () => {
  expect(truncateUtf8('\ud800\ud800', 5)).toBe('\ud800');
});

test('what is no UTF-8 is refused, not repaired', () => {
  for (const hex of ['ff', 'c3', 'c0af', 'eda080', 'f4908080', '61ff'])
    expect(() => decodeUtf8(Buffer.from(hex, 'hex')), hex).toThrow(TypeError);
  expect(decodeUtf8(encodeUtf8('a€😀'))).toBe('a€😀');
});
