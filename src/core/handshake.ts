import { PROTOCOL_VERSION } from '../protocol/constants.js';
import type { Decoded } from '../protocol/decode.js';
import { encodeHello } from '../protocol/encode.js';
import { TrunklineError } from '../protocol/errors.js';
import type { Hello } from '../protocol/frames.js';
import type { Limits } from '../protocol/limits.js';

/** Default deadline of the handshake, both sides. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** What a dialer may send before its WELCOME, and what an acceptor holds while it decides (R25, R28). */
export const UNAUTHENTICATED_BYTES = 16 * 1024;

/** Who dials: what it shows the acceptor of itself. */
export type Identity = Pick<Hello, 'token' | 'endpoint' | 'mode' | 'protocols'>;

/** The dialer's first frame. @throws TrunklineError LIMIT_BYTES when the token does not fit (R28) */
export function buildHello(limits: Limits, identity: Identity): Uint8Array {
  const frame = encodeHello({ version: PROTOCOL_VERSION, limits, ...identity });
  if (frame.length <= UNAUTHENTICATED_BYTES) return frame;
  throw new TrunklineError('LIMIT_BYTES', `the token makes HELLO ${frame.length} bytes, over ${UNAUTHENTICATED_BYTES}`);
}

/** @throws TrunklineError PROTOCOL */
export function checkVersion(version: number): void {
  if (version === PROTOCOL_VERSION) return;
  throw new TrunklineError('PROTOCOL', `protocol version ${version}; this side speaks version ${PROTOCOL_VERSION}`);
}

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
