import type { Decoded } from '../protocol/decode.js';
import { TrunklineError } from '../protocol/errors.js';
import { UNAUTHENTICATED_BYTES } from './handshake.js';

/** What came behind a HELLO that is still being decided on. */
export class HeldInput {
  private readonly messages: Decoded[] = [];
  private bytes = 0;

  /** @throws TrunklineError LIMIT_BYTES past what may be held of somebody unknown */
  hold(decoded: Decoded, messageBytes: number): void {
    this.bytes += messageBytes;
    if (this.bytes > UNAUTHENTICATED_BYTES) {
      throw new TrunklineError('LIMIT_BYTES', `over ${UNAUTHENTICATED_BYTES} bytes before WELCOME`);
    }
    this.messages.push(decoded);
  }

  [Symbol.iterator](): Iterator<Decoded> {
    return this.messages[Symbol.iterator]();
  }
}
