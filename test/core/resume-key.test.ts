import { describe, expect, test } from 'vitest';
import { ResumeKey, type Side } from '../../src/core/resume-key.js';
import { prove } from '../../src/runtime/prove.js';
import { plainProve } from './pair.js';

const SECRET = '0123456789abcdef0123456789abcdef';
const UID = 'fedcba9876543210fedcba9876543210';

type Claim = [side: Side, epoch: number, received: number, ended: boolean];
const CLAIM: Claim = ['open', 3, 1000, false];
const OTHERS: Claim[] = [
  ['accept', 3, 1000, false],
  ['open', 2, 1000, false],
  ['open', 4, 1000, false],
  ['open', 3, 999, false],
  ['open', 3, 1001, false],
  ['open', 3, 1000, true],
  // The same digits, differently divided.
  ['open', 31, 0, false],
];

describe.each([
  ['the hash that tunnels use', prove],
  ['a plain text', plainProve],
])('a proof by %s', (_, by) => {
  const key = new ResumeKey(SECRET, UID, by);

  test('holds for what it says, by whoever has the secret', () => {
    const proof = new ResumeKey(SECRET, UID, by).proofOf(...CLAIM);
    expect(key.isProof(proof, ...CLAIM)).toBe(true);
    expect(proof.length).toBeLessThanOrEqual(128);
  });

  test.each(OTHERS)('holds for nothing else: %s %i %i %s', (...claim) => {
    expect(key.isProof(key.proofOf(...CLAIM), ...claim)).toBe(false);
  });

  test('is of one stream and of one secret', () => {
    expect(key.isProof(new ResumeKey(SECRET, UID.replace('f', '0'), by).proofOf(...CLAIM), ...CLAIM)).toBe(false);
    expect(key.isProof(new ResumeKey(SECRET.replace('0', '1'), UID, by).proofOf(...CLAIM), ...CLAIM)).toBe(false);
  });

  test('is the whole text: no part of it, nothing around it, not nothing', () => {
    const proof = key.proofOf(...CLAIM);
    const wrong = ['', proof.slice(1), proof.slice(0, -1), `${proof}0`, ` ${proof}`, proof.toUpperCase()];
    expect(wrong.filter((text) => text !== proof && key.isProof(text, ...CLAIM))).toEqual([]);
  });

  test('differs in one digit: no proof', () => {
    const proof = key.proofOf(...CLAIM);
    for (let index = 0; index < proof.length; index++) {
      const digit = proof[index] === '0' ? '1' : '0';
      expect(key.isProof(proof.slice(0, index) + digit + proof.slice(index + 1), ...CLAIM)).toBe(false);
    }
  });
});

test('the hash tells nothing of the secret, and is the known HMAC-SHA-256', () => {
  // RFC 4231, test case 2, its first 128 bits.
  expect(prove('Jefe', 'what do ya want for nothing?')).toBe('5bdcc146bf60754e6a042426089575c7');
});
