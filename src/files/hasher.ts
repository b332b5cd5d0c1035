import { createHash, type Hash } from 'node:crypto';

/** SHA-256 of bytes that come one after the other. */
export class Hasher {
  private readonly hash: Hash = createHash('sha256');

  update(bytes: Uint8Array): void {
    this.hash.update(bytes);
  }

  /** Of all so far, as 64 hexadecimal digits; it may go on. */
  digest(): string {
    return this.hash.copy().digest('hex');
  }
}
