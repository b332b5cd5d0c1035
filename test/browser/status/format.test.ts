import { expect, test } from 'vitest';
import { ageText, bytesText, rateText, roundTripText } from '../../../browser/status/format.js';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [9_949, '9.9 kB'],
  [12_345, '12 kB'],
  [999_600, '1.0 MB'],
  [4.2e6, '4.2 MB'],
  [3e15, '3.0 PB'],
  [3e18, '3000 PB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

test.each([
  [0, '0 s'],
  [999, '0 s'],
  [-5, '0 s'],
  [59_000, '59 s'],
  [60_000, '1 min'],
  [61_000, '1 min 1 s'],
  [3_600_000, '1 h'],
  [3_605_000, '1 h'],
  [2 * 86_400_000 + 3 * 3_600_000 + 4_000, '2 d 3 h'],
])('%d ms are %s', (ms, text) => {
  expect(ageText(ms)).toBe(text);
});

test('rates and round trips', () => {
  expect([0, 0.25, 9.9, 1234.5].map(rateText)).toEqual(['0', '0.3', '9.9', '1,235']);
  expect([null, 0.44, 12.6].map(roundTripText)).toEqual(['–', '0.4 ms', '13 ms']);
});
