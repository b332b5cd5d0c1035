import { type Decoded, FrameDecoder } from '../../src/protocol/decode.js';

/** A whole message, of a connection that has had no other. */
export function decodeMessage(message: Uint8Array, maxFrameBytes: number): Decoded {
  return new FrameDecoder(maxFrameBytes, Number.POSITIVE_INFINITY).decode(message, true);
}
