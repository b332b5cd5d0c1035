/**
 * The protocol on one screen: PROTOCOL.md is the text, these are its numbers.
 *
 *   0       1       2       3       4       5       6       7
 *   +-------+-------+-------+-------+-------+-------+-------+-------+----------
 *   |        stream id (u32)        |F| type|  payload length (u24) | payload
 *   +-------+-------+-------+-------+-------+-------+-------+-------+----------
 *
 * The id has a fixed width and comes first, so that a relay rewrites it in place and forwards the same buffer.
 */

export const PROTOCOL_VERSION = 1;

/** WebSocket subprotocol (RFC 6455 section 1.9). A connection that did not agree on it is refused. */
export const SUBPROTOCOL = 'trunkline.1';

/** Below a relay's path: where a page says by HTTP POST that its endpoint has left (section 10). */
export const FAREWELL_PATH = '/farewell';

export const STREAM_ID_BYTES = 4;
export const TYPE_BYTES = 1;
export const LENGTH_BYTES = 3;
export const HEADER_BYTES = STREAM_ID_BYTES + TYPE_BYTES + LENGTH_BYTES;

/** Frames about the tunnel itself carry this id; no stream has it. */
export const TUNNEL_STREAM_ID = 0;
export const MAX_STREAM_ID = 0xffff_ffff;

/** Top bit of the type byte. Only DATA gives it a meaning (R12, R56). */
export const FLAG_BIT = 0x80;
export const TYPE_MASK = 0x7f;

export const FrameType = {
  Hello: 0x01,
  Welcome: 0x02,
  Goaway: 0x03,
  Ping: 0x04,
  Pong: 0x05,
  Token: 0x06,
  Open: 0x10,
  Accept: 0x11,
  Reset: 0x12,
  Detach: 0x13,
  Data: 0x20,
  Credit: 0x21,
  End: 0x22,
  EndAck: 0x23,
  Close: 0x24,
  Offer: 0x30,
  Refuse: 0x31,
} as const;

export const PING_PAYLOAD_BYTES = 8;
export const OFFSET_BYTES = 8;
export const CREDIT_PAYLOAD_BYTES = 2 * OFFSET_BYTES;
export const END_PAYLOAD_BYTES = OFFSET_BYTES;

/** A JSON payload is rare and small: twice the meta cap leaves room for everything around it. */
export const MAX_CONTROL_PAYLOAD_BYTES = 16 * 1024;

/** Offsets are JavaScript-safe integers: 2^53 - 1 bytes are 285 years at 1 GB/s. */
export const MAX_OFFSET = Number.MAX_SAFE_INTEGER;
