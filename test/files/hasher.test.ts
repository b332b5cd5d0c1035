import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Hasher } from '../../src/files/hasher.js';
import { Hasher as PageHasher } from '../../src/files/hasher.page.js';
import { seededBytes } from '../support/seeded-bytes.js';

describe.each([
  ['Node', Hasher],
  ['a page', PageHasher],
])('the hash of %s', (_where, Kind) => {
  test('tells the hash of what has come, and goes on', () => {
    const hasher = new Kind();
    const bytes = seededBytes(1, 0, 100_000);
    const expected = (length: number) => createHash('sha256').update(bytes.subarray(0, length)).digest('hex');
    expect(hasher.digest()).toBe(expected(0));
    for (const [from, to] of [
      [0, 1],
      [1, 64],
      [64, 65_537],
      [65_537, 100_000],
    ] as const) {
      hasher.update(bytes.subarray(from, to));
      expect(hasher.digest()).toBe(expected(to));
    }
  });
});
