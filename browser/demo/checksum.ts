import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

export const CHECKSUM_BYTES = 32;

/**
 * SHA-256 over bytes as they pass. The browser's own digest wants them all at once, and is missing where a page does
 * not come over https or from this computer.
 */
export class Checksum {
  private readonly hash = sha256.create();

  add(bytes: Uint8Array): void {
    this.hash.update(bytes);
  }

  finish(): Uint8Array {
    return this.hash.digest();
  }
}

export function sameChecksum(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

export const toHex = bytesToHex;
