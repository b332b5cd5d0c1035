import { HEADER_BYTES } from '../../src/protocol/constants.js';
import { FrameDecoder } from '../../src/protocol/decode.js';
import { decodeMessage } from '../support/decode-message.js';
import type { SeededRandom } from '../support/seeded-random.js';

export const MAX_FRAME = 65_536;
const hexOf = (message: Uint8Array): string => Buffer.from(message).toString('hex');

/** @throws Error when there are more frames in it than its bytes allow. Without `expect`, which costs more than decoding */
export function fuzzWhole(message: Uint8Array): void {
  const { frames, unknown } = decodeMessage(message, MAX_FRAME);
  if (frames.length + unknown > message.length / HEADER_BYTES)
    throw new Error(`${frames.length} frames from ${hexOf(message)}`);
}

/** Where it breaks a rule, and how many frames it has that are not DATA, which come in pieces. */
function summarize(message: Uint8Array, ends: readonly number[]): string {
  const decoder = new FrameDecoder(MAX_FRAME, Number.POSITIVE_INFINITY);
  let [start, others, unknown, payloadBytes] = [0, 0, 0, 0];
  for (const end of [...ends, message.length]) {
    const decoded = decoder.decode(message.subarray(start, end), end === message.length);
    start = end;
    unknown += decoded.unknown;
    for (const frame of decoded.frames) {
      if (frame.type !== 'DATA') others++;
      else payloadBytes += frame.payload.length;
    }
    if (decoded.error) return `${others} ${unknown} ${decoded.error.message}`;
  }
  return `${others} ${unknown} ${payloadBytes} bytes of DATA`;
}

/** @throws Error when the message breaks another rule in parts than it does as a whole */
export function fuzzParts(message: Uint8Array, random: SeededRandom): void {
  const count = message.length < 2 ? 0 : random.integer(1, 6);
  const ends = Array.from({ length: count }, () => random.integer(0, message.length - 1)).toSorted((a, b) => a - b);
  const [whole, inParts] = [summarize(message, []), summarize(message, ends)];
  if (whole !== inParts) throw new Error(`'${whole}', cut at ${ends}: '${inParts}', ${hexOf(message)}`);
}
