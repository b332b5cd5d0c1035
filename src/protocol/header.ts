import { FLAG_BIT, MAX_OFFSET, TYPE_MASK } from './constants.js';
import { TrunklineError } from './errors.js';

export function writeHeader(
  target: Uint8Array,
  at: number,
  id: number,
  type: number,
  flag: boolean,
  length: number,
): void {
  writeUint32(target, at, id);
  target[at + 4] = flag ? type | FLAG_BIT : type;
  target[at + 5] = length >>> 16;
  target[at + 6] = length >>> 8;
  target[at + 7] = length;
}

// The `as number` below: the caller has checked that HEADER_BYTES (or OFFSET_BYTES) are there.
export function readStreamId(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at);
}

export function readType(bytes: Uint8Array, at: number): number {
  return (bytes[at + 4] as number) & TYPE_MASK;
}

export function readFlag(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at + 4] as number) & FLAG_BIT) !== 0;
}

export function readLength(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 5] as number) << 16) | ((bytes[at + 6] as number) << 8) | (bytes[at + 7] as number);
}

export function writeOffset(target: Uint8Array, at: number, offset: number): void {
  writeUint32(target, at, Math.floor(offset / 0x1_0000_0000));
  writeUint32(target, at + 4, offset % 0x1_0000_0000);
}

/** @throws TrunklineError PROTOCOL past 2^53 - 1 (R13): no honest stream gets there, and arithmetic would go wrong */
export function readOffset(bytes: Uint8Array, at: number): number {
  const offset = readUint32(bytes, at) * 0x1_0000_0000 + readUint32(bytes, at + 4);
  if (offset > MAX_OFFSET) throw new TrunklineError('PROTOCOL', 'an offset is over 2^53 - 1');
  return offset;
}

function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
