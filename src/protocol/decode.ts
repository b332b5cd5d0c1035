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
  readToken,
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

/** A DATA frame whose payload is still coming. */
interface OpenData {
  id: number;
  exhausted: boolean;
  missingBytes: number;
}

/** The beginning of a frame, as far as it has come; `bytes` has room for its header, or, once that is known, for all of it. */
interface Fragment {
  bytes: Uint8Array;
  length: number;
}

/**
 * One connection's bytes into frames. Messages hold whole frames only (R4), but a message may come in parts: what of a
 * DATA frame has come is handed out at once, as a DATA of its own, so that a relay can pass on what has arrived while the
 * rest is on its way; of other frames at most one is kept until it is complete. Nothing is stored before its header has
 * been checked. DATA payloads are views of `bytes`, not copies.
 */
export class FrameDecoder {
  private messageBytes = 0;
  private data: OpenData | undefined;
  private fragment: Fragment | undefined;

  constructor(
    private readonly maxFrameBytes: number,
    private readonly maxMessageBytes: number,
  ) {}

  /** `isLast`: the message ends with these bytes. */
  decode(bytes: Uint8Array, isLast: boolean): Decoded {
    const decoded: Decoded = { frames: [], unknown: 0 };
    try {
      this.decodeInto(decoded, bytes, isLast);
    } catch (error) {
      decoded.error = toTrunklineError(error, 'PROTOCOL');
    }
    return decoded;
  }

  private decodeInto(decoded: Decoded, bytes: Uint8Array, isLast: boolean): void {
    this.messageBytes += bytes.length;
    if (this.messageBytes > this.maxMessageBytes)
      throw new TrunklineError('PROTOCOL', `a message of ${this.messageBytes} bytes, over ${this.maxMessageBytes}`);
    let at = 0;
    while (at < bytes.length) {
      if (this.data !== undefined) at = this.continueData(decoded, this.data, bytes, at);
      else if (this.fragment !== undefined) at = this.continueFragment(decoded, this.fragment, bytes, at, isLast);
      else at = this.beginFrame(decoded, bytes, at, isLast);
    }
    if (isLast) this.endMessage();
  }

  private endMessage(): void {
    if (this.messageBytes === 0) throw new TrunklineError('PROTOCOL', 'an empty message');
    if (this.data !== undefined || this.fragment !== undefined)
      throw new TrunklineError('PROTOCOL', 'a frame is truncated');
    this.messageBytes = 0;
  }

  private beginFrame(decoded: Decoded, bytes: Uint8Array, at: number, isLast: boolean): number {
    const available = bytes.length - at;
    if (available < HEADER_BYTES) return this.keep(bytes, at, HEADER_BYTES);
    const type = readType(bytes, at);
    const length = readLength(bytes, at);
    const id = readStreamId(bytes, at);
    checkHeader(type, length, id, this.maxFrameBytes);
    const frameBytes = HEADER_BYTES + length;
    if (available >= frameBytes) {
      addFrame(decoded, bytes, at, at + frameBytes, type, id);
      return at + frameBytes;
    }
    if (isLast) throw new TrunklineError('PROTOCOL', 'a frame is truncated');
    if (type !== FrameType.Data) return this.keep(bytes, at, frameBytes);
    this.data = { id, exhausted: readFlag(bytes, at), missingBytes: length };
    return at + HEADER_BYTES;
  }

  private continueData(decoded: Decoded, data: OpenData, bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + data.missingBytes);
    data.missingBytes -= end - at;
    const isComplete = data.missingBytes === 0;
    decoded.frames.push({
      type: 'DATA',
      id: data.id,
      payload: bytes.subarray(at, end),
      exhausted: data.exhausted && isComplete,
    });
    if (isComplete) this.data = undefined;
    return end;
  }

  private keep(bytes: Uint8Array, at: number, neededBytes: number): number {
    this.fragment = { bytes: new Uint8Array(neededBytes), length: bytes.length - at };
    this.fragment.bytes.set(bytes.subarray(at));
    return bytes.length;
  }

  private continueFragment(
    decoded: Decoded,
    fragment: Fragment,
    bytes: Uint8Array,
    at: number,
    isLast: boolean,
  ): number {
    const end = Math.min(bytes.length, at + fragment.bytes.length - fragment.length);
    fragment.bytes.set(bytes.subarray(at, end), fragment.length);
    fragment.length += end - at;
    if (fragment.length < fragment.bytes.length) return end;
    this.fragment = undefined;
    // Either a frame that is complete now, or a header that says how much is still to come.
    this.beginFrame(decoded, fragment.bytes, 0, isLast && end === bytes.length);
    return end;
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
  [FrameType.Token, { place: 'tunnel', maxBytes: MAX_CONTROL_PAYLOAD_BYTES }],
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

function addFrame(decoded: Decoded, bytes: Uint8Array, at: number, end: number, type: number, id: number): void {
  const frame = readFrame(bytes, at, end, type, id);
  if (frame === undefined) decoded.unknown++;
  else decoded.frames.push(frame);
}

function readFrame(message: Uint8Array, at: number, end: number, type: number, id: number): Frame | undefined {
  const start = at + HEADER_BYTES;
  const payload = message.subarray(start, end);
  switch (type) {
    case FrameType.Data:
      return { type: 'DATA', id, payload, exhausted: readFlag(message, at) };
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
    case FrameType.Token:
      return { type: 'TOKEN', ...readToken(parseFields(payload, 'TOKEN')) };
    default:
      return undefined;
  }
}

function readGoaway(fields: ReturnType<typeof parseFields>): Frame {
  return { type: 'GOAWAY', error: readError(fields, 'GOAWAY'), ...readGrace(fields) };
}
