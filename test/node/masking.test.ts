import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Masking, portableMasking, rotateKey } from '../../src/node/masking.js';
import { masking } from '../../src/node/native-masking.js';
import { announce, PROPERTY_RUNS } from '../property/settings.js';
import { holds } from './holds.js';

const RUNS = PROPERTY_RUNS * 5;

/** RFC 6455 section 5.3, to the letter. */
const xored = (bytes: Uint8Array, key: Uint8Array, phase = 0): number[] =>
  Array.from(bytes, (byte, index) => byte ^ key[(index + phase) % 4]!);

const key = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Around every bound: of words, of the native code. */
const payload = fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ minLength: 100, maxLength: 3000 }));
const margin = fc.nat(9);

/** The bytes somewhere inside of memory that has others on both sides. */
function placed(bytes: Uint8Array, before: number, after: number): { memory: Uint8Array; view: Uint8Array } {
  const memory = new Uint8Array(before + bytes.length + after).fill(0xa5);
  memory.set(bytes, before);
  return { memory, view: memory.subarray(before, before + bytes.length) };
}

const untouched = (memory: Uint8Array, before: number, length: number): boolean =>
  memory.subarray(0, before).every((byte) => byte === 0xa5) &&
  memory.subarray(before + length).every((byte) => byte === 0xa5);

const implementations: [string, Masking][] = [
  ['portable', portableMasking],
  ['native', masking],
];

announce('masking', RUNS);

it('the native code is what is tested as such', () => {
  expect(masking).not.toBe(portableMasking);
});

describe.each(implementations)('%s masking', (_, { mask, unmask }) => {
  it('in place XORs each byte with its turn of the key, and no byte beside', () => {
    holds(
      fc.property(payload, key, margin, margin, (bytes, bytesKey, before, after) => {
        const { memory, view } = placed(bytes, before, after);
        unmask(view, bytesKey);
        expect([...view]).toEqual(xored(bytes, bytesKey));
        expect(untouched(memory, before, bytes.length)).toBe(true);
      }),
      RUNS,
    );
  });

  it('into other memory does the same, and leaves its source as it is', () => {
    holds(
      fc.property(payload, key, margin, margin, margin, margin, (bytes, bytesKey, before, after, at, offset) => {
        const source = placed(bytes, before, after);
        const memory = new Uint8Array(offset + at + bytes.length + after).fill(0xa5);
        mask(source.view, bytesKey, memory.subarray(offset), at);
        expect([...memory.subarray(offset + at, offset + at + bytes.length)]).toEqual(xored(bytes, bytesKey));
        expect(untouched(memory, offset + at, bytes.length)).toBe(true);
        expect([...source.view]).toEqual([...bytes]);
      }),
      RUNS,
    );
  });

  it('in pieces, with the key rotated, is the same as in one', () => {
    holds(
      fc.property(payload, key, fc.array(fc.nat(200), { maxLength: 8 }), (bytes, bytesKey, cuts) => {
        const pieces = bytes.slice();
        const bounds = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        for (const [index, start] of bounds.slice(0, -1).entries())
          unmask(pieces.subarray(start, bounds[index + 1]), rotateKey(bytesKey, start));
        expect([...pieces]).toEqual(xored(bytes, bytesKey));
      }),
      RUNS,
    );
  });
});

describe('rotateKey', () => {
  it('begins with the byte that is due, and leaves the key as it is', () => {
    holds(
      fc.property(key, fc.nat(), (bytesKey, bytes) => {
        const before = [...bytesKey];
        expect([...rotateKey(bytesKey, bytes)]).toEqual(xored(new Uint8Array(4), bytesKey, bytes % 4));
        expect([...bytesKey]).toEqual(before);
      }),
      RUNS,
    );
  });

  it('takes offsets of more than 32 bits', () => {
    expect([...rotateKey(Uint8Array.of(1, 2, 3, 4), 2 ** 40 + 3)]).toEqual([4, 1, 2, 3]);
  });
});
