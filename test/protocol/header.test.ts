import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  readFlag,
  readLength,
  readOffset,
  readStreamId,
  readType,
  writeHeader,
  writeOffset,
} from '../../src/protocol/header.js';

test.each([
  [0, 0x01, false, 0, '0000000001000000'],
  [1, 0x20, true, 1, '00000001a0000001'],
  [0x7fff_ffff, 0x21, false, 16, '7fffffff21000010'],
  [0x8000_0000, 0x7f, true, 0x80_0000, '80000000ff800000'],
  [0xffff_ffff, 0x22, false, 0xff_ffff, 'ffffffff22ffffff'],
])('id %i, type %i, flag %s, length %i', (id, type, flag, length, hex) => {
  const bytes = new Uint8Array(8);
  writeHeader(bytes, 0, id, type, flag, length);
  expect(Buffer.from(bytes).toString('hex')).toBe(hex);
  expect(readStreamId(bytes, 0)).toBe(id);
  expect(readType(bytes, 0)).toBe(type);
  expect(readFlag(bytes, 0)).toBe(flag);
  expect(readLength(bytes, 0)).toBe(length);
});

test('any header, anywhere in a message, touches its 8 bytes only', () => {
  fc.assert(
    fc.property(
      fc.nat(0xffff_ffff),
      fc.nat(0x7f),
      fc.boolean(),
      fc.nat(0xff_ffff),
      fc.nat(24),
      (id, type, flag, length, at) => {
        const bytes = new Uint8Array(32).fill(0x55);
        writeHeader(bytes, at, id, type, flag, length);
        expect([readStreamId(bytes, at), readType(bytes, at), readFlag(bytes, at), readLength(bytes, at)]).toEqual([
          id,
          type,
          flag,
          length,
        ]);
        expect(bytes.filter((byte, index) => (index < at || index >= at + 8) && byte !== 0x55)).toHaveLength(0);
      },
    ),
  );
});

test.each([
  [0, '0000000000000000'],
  [1, '0000000000000001'],
  [2 ** 31, '0000000080000000'],
  [2 ** 32 - 1, '00000000ffffffff'],
  [2 ** 32, '0000000100000000'],
  [2 ** 52 + 1, '0010000000000001'],
  [Number.MAX_SAFE_INTEGER, '001fffffffffffff'],
])('offset %i', (offset, hex) => {
  const bytes = new Uint8Array(8);
  writeOffset(bytes, 0, offset);
  expect(Buffer.from(bytes).toString('hex')).toBe(hex);
  expect(readOffset(bytes, 0)).toBe(offset);
});

test.each(['0020000000000000', '0020000000000001', '8000000000000000', 'ffffffffffffffff'])(
  'offset %s is too large',
  (hex) => {
    expect(() => readOffset(Buffer.from(hex, 'hex'), 0)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  },
);

test('any safe integer survives', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (offset) => {
      const bytes = Buffer.alloc(8);
      writeOffset(bytes, 0, offset);
      expect(bytes.readBigUInt64BE()).toBe(BigInt(offset));
      expect(readOffset(bytes, 0)).toBe(offset);
    }),
  );
});
