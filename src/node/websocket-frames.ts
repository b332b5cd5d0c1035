/** RFC 6455 section 5.2, as far as this protocol uses it. */
export const Opcode = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

export const FIN_BIT = 0x80;
export const RESERVED_BITS = 0x70;
export const OPCODE_MASK = 0x0f;
export const MASK_BIT = 0x80;
export const LENGTH_MASK = 0x7f;

export const MASK_KEY_BYTES = 4;
/** RFC 6455 section 5.5. */
export const MAX_CONTROL_BYTES = 125;
/** Two bytes, eight of length, four of masking key. */
export const MAX_HEADER_BYTES = 14;
/** A length in the header itself that says: it is in the two, or eight, bytes that follow. */
export const LENGTH_16 = 126;
export const LENGTH_64 = 127;

const MAX_LENGTH_16 = 0xffff;

/** Of a frame with this much payload, masking key included. */
export function headerBytes(payloadBytes: number, isMasked: boolean): number {
  const lengthBytes = payloadBytes < LENGTH_16 ? 0 : payloadBytes <= MAX_LENGTH_16 ? 2 : 8;
  return 2 + lengthBytes + (isMasked ? MASK_KEY_BYTES : 0);
}

/** The header of a frame that is a whole message. Returns where the masking key, or else the payload, goes. */
export function writeFrameHeader(
  target: Uint8Array,
  at: number,
  opcode: number,
  payloadBytes: number,
  isMasked: boolean,
): number {
  const maskBit = isMasked ? MASK_BIT : 0;
  target[at] = FIN_BIT | opcode;
  if (payloadBytes < LENGTH_16) {
    target[at + 1] = maskBit | payloadBytes;
    return at + 2;
  }
  if (payloadBytes <= MAX_LENGTH_16) {
    target[at + 1] = maskBit | LENGTH_16;
    target[at + 2] = payloadBytes >>> 8;
    target[at + 3] = payloadBytes;
    return at + 4;
  }
  target[at + 1] = maskBit | LENGTH_64;
  writeUint32(target, at + 2, Math.floor(payloadBytes / 0x1_0000_0000));
  writeUint32(target, at + 6, payloadBytes % 0x1_0000_0000);
  return at + 10;
}

function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}
