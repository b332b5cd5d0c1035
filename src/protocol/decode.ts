import {
  CREDIT_PAYLOAD_BYTES,
  END_PAYLOAD_BYTES,
  FrameType,
  HEADER_BYTES,
  MAX_CONTROL_PAYLOAD_BYTES,
  OFFSET_BYTES,
  PING_PAYLOAD_BYTES,
  TUNNEL_STREAM_ID,
} from './constants.js';
import { TrunklineError, toTrunklineError } from './errors.js';
import type { Frame } from './frames.js';
import { readFlag, readLength, readOffset, readStreamId, readType } from './header.js';
import {
  parseFields,
  readAccept,
  readError,
  readGrace,
  readHello,
  readOffer,
  readOpen,
  readRefuse,
  readWelcome,
} from './messages.js';

export interface Decoded {
  /** Whole frames, in order, up to the end or to the first one that breaks a rule. */
  frames: Frame[];
  /** The rule that was broken: the connection is over once `frames` have been dealt with. */
  error?: TrunklineError;
  /** Frames of a type that this version does not know: skipped, counted (R11). */
  unknown: number;
}

/**
 * One transport message into frames. Messages hold whole frames only (R4), so nothing is carried from call to call and
 * nothing is stored before its header has been checked. DATA payloads are views of `message`, not copies.
 */
export function decodeMessage(message: Uint8Array, maxFrameBytes: number): Decoded {
  const decoded: Decoded = { frames: [], unknown: 0 };
  try {
    decodeInto(decoded, message, maxFrameBytes);
  } catch (error) {
    decoded.error = toTrunklineError(error, 'PROTOCOL');
  }
  return decoded;
}

function decodeInto(decoded: Decoded, message: Uint8Array, maxFrameBytes: number): void {
  if (message.length === 0) throw new TrunklineError('PROTOCOL', 'an empty message');
  for (let at = 0; at < message.length; ) {
    if (message.length - at < HEADER_BYTES) throw new TrunklineError('PROTOCOL', 'a frame header is truncated');
    const type = readType(message, at);
    const length = readLength(message, at);
    const id = readStreamId(message, at);
    checkHeader(type, length, id, maxFrameBytes);
    const end = at + HEADER_BYTES + length;
    if (end > message.length) throw new TrunklineError('PROTOCOL', 'a frame is truncated');
    const frame = readFrame(message, at, end, type, id);
    if (frame === undefined) decoded.unknown++;
    else decoded.frames.push(frame);
    at = end;
  }
}

type Place = 'tunnel' | 'stream';

/** What each header may say: where the frame belongs, and its exact or largest payload length (R7-R10). */
const SHAPES: ReadonlyMap<number, { place: Place; exactBytes?: number; maxBytes?: number }> = new Map([
  [FrameType.Hello, { place: 'tunnel' as Place, maxBytes: MAX_CONTROL_PAYLOAD_BYTES }],
  [FrameType.Welcome, { place: 'tunnel', maxBytes: MAX_CONTROL_PAYLOAD_BYTES }],
  [FrameType.Goaway, { place: 'tunnel', maxBytes: MAX_CONTROL_PAYLOAD_BYTES }],
  [FrameType.Ping, { place: 'tunnel', exactBytes: PING_PAYLOAD_BYTES }],
  [FrameType.Pong, { place: 'tunnel', exactBytes: PING_PAYLOAD_BYTES }],
  [FrameType.Open, { place: 'stream', maxBytes: MAX_CONTROL_PAYLOAD_BYTES }],
  [FrameType.Accept, { place: 'stream', maxBytes: MAX_CONTROL_PAYLOAD_BYTES }],
  [FrameType.Reset, { place: 'stream', maxBytes: MAX_CONTROL_PAYLOAD_BYTES }],
  [FrameType.Detach, { place: 'stream', maxBytes: MAX_CONTROL_PAYLOAD_BYTES }],
  [FrameType.Data, { place: 'stream' }],
  [FrameType.Credit, { place: 'stream', exactBytes: CREDIT_PAYLOAD_BYTES }],
  [FrameType.End, { place: 'stream', exactBytes: END_PAYLOAD_BYTES }],
  [FrameType.EndAck, { place: 'stream', exactBytes: 0 }],
  [FrameType.Close, { place: 'stream', exactBytes: 0 }],
  [FrameType.Offer, { place: 'stream', maxBytes: MAX_CONTROL_PAYLOAD_BYTES }],
  [FrameType.Refuse, { place: 'stream', maxBytes: MAX_CONTROL_PAYLOAD_BYTES }],
]);

function checkHeader(type: number, length: number, id: number, maxFrameBytes: number): void {
  const shape = SHAPES.get(type);
  const maxBytes = shape?.maxBytes ?? maxFrameBytes;
  if (shape?.exactBytes !== undefined && length !== shape.exactBytes) {
    throw new TrunklineError(
      'PROTOCOL',
      `a frame of type ${type} has ${length} payload bytes instead of ${shape.exactBytes}`,
    );
  }
  if (length > maxBytes)
    throw new TrunklineError('PROTOCOL', `a frame of type ${type} has ${length} payload bytes, over ${maxBytes}`);
  if (shape !== undefined && (shape.place === 'tunnel') !== (id === TUNNEL_STREAM_ID)) {
    throw new TrunklineError('PROTOCOL', `a frame of type ${type} on stream id ${id}`);
  }
}

function readFrame(message: Uint8Array, at: number, end: number, type: number, id: number): Frame | undefined {
  const start = at + HEADER_BYTES;
  const payload = message.subarray(start, end);
  switch (type) {
    case FrameType.Data:
      return { type: 'DATA', id, payload, exhausted: readFlag(message, at), frame: message.subarray(at, end) };
    case FrameType.Credit:
      return {
        type: 'CREDIT',
        id,
        consumed: readOffset(message, start),
        credit: readOffset(message, start + OFFSET_BYTES),
      };
    case FrameType.End:
      return { type: 'END', id, finalOffset: readOffset(message, start) };
    case FrameType.EndAck:
      return { type: 'END_ACK', id };
    case FrameType.Close:
      return { type: 'CLOSE', id };
    case FrameType.Open:
      return { type: 'OPEN', id, open: readOpen(parseFields(payload, 'OPEN')) };
    case FrameType.Accept:
      return { type: 'ACCEPT', id, accept: readAccept(parseFields(payload, 'ACCEPT')) };
    case FrameType.Reset:
      return { type: 'RESET', id, error: readError(parseFields(payload, 'RESET'), 'RESET') };
    case FrameType.Detach:
      return { type: 'DETACH', id, error: readError(parseFields(payload, 'DETACH'), 'DETACH') };
    case FrameType.Offer:
      return { type: 'OFFER', id, offer: readOffer(parseFields(payload, 'OFFER')) };
    case FrameType.Refuse:
      return { type: 'REFUSE', id, refuse: readRefuse(parseFields(payload, 'REFUSE')) };
    case FrameType.Ping:
      return { type: 'PING', payload: new Uint8Array(payload) };
    case FrameType.Pong:
      return { type: 'PONG', payload: new Uint8Array(payload) };
    case FrameType.Hello:
      return { type: 'HELLO', hello: readHello(parseFields(payload, 'HELLO')) };
    case FrameType.Welcome:
      return { type: 'WELCOME', welcome: readWelcome(parseFields(payload, 'WELCOME')) };
    case FrameType.Goaway:
      return readGoaway(parseFields(payload, 'GOAWAY'));
    default:
      return undefined;
  }
}

function readGoaway(fields: ReturnType<typeof parseFields>): Frame {
  return { type: 'GOAWAY', error: readError(fields, 'GOAWAY'), ...readGrace(fields) };
}
