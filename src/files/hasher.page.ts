// A page's own hash wants the whole file in memory at once.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** What a page gets in place of `hasher.ts`. */
export class Hasher {
  private readonly hash = sha256.create();

  update(bytes: Uint8Array): void {
    this.hash.update(bytes);
  }

  digest(): string {
    return bytesToHex(this.hash.clone().digest());
  }
}
