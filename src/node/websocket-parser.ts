import { decodeUtf8 } from '../protocol/utf8.js';
import { type Masking, rotateKey } from './masking.js';
import {
  FIN_BIT,
  LENGTH_16,
  LENGTH_64,
  LENGTH_MASK,
  MASK_BIT,
  MASK_KEY_BYTES,
  MAX_CONTROL_BYTES,
  MAX_HEADER_BYTES,
  OPCODE_MASK,
  Opcode,
  RESERVED_BITS,
} from './websocket-frames.js';

export interface WebSocketParserHandlers {
  /** Payload of a binary message, as it arrives; `isLast`: the message ends with it. */
  received(bytes: Uint8Array, isLast: boolean): void;
  /** A text message has begun. Its payload is not handed out. */
  text(): void;
  /**
   * A frame came that carries nothing for the connection: a ping, a pong, a fragment without payload, an empty message.
   * One that only ends a message with payload is not meant: there are senders that end every message so. May throw.
   */
  idle(): void;
  ping(payload: Uint8Array): void;
  /** The other side closes, for this code (1005: it gave none). */
  close(code: number, reason: string): void;
}

/** The peer broke RFC 6455, or a rule of ours: the WebSocket fails with this close code (section 7.1.7). */
export class WebSocketBreach extends Error {
  constructor(
    readonly closeCode: number,
    message: string,
  ) {
    super(message);
  }
}

const PROTOCOL_ERROR = 1002;
const INVALID_PAYLOAD = 1007;
const NO_STATUS = 1005;
const TOO_BIG = 1009;
/** Section 7.4.2: what may stand in a close frame. */
const isCloseCode = (code: number): boolean =>
  (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999);

interface Frame {
  opcode: number;
  isFinal: boolean;
  payloadBytes: number;
  /** Of the payload. */
  doneBytes: number;
  /** Only of control frames, which are handed out whole. */
  control: Uint8Array | undefined;
}

/**
 * The receiving side of RFC 6455, without I/O: bytes as they come from a socket go in, payloads come out as they are, before
 * their frame is complete. A relay can so pass on what has arrived, and nothing is copied to be put together.
 *
 *   header ──complete──> payload ──complete──> header        closed: after a close frame or a breach, nothing is heard
 */
export class WebSocketParser {
  private readonly header = new Uint8Array(MAX_HEADER_BYTES);
  private headerLength = 0;
  /** Of the frame that is being received. */
  private readonly key = new Uint8Array(MASK_KEY_BYTES);
  private frame: Frame | undefined;
  /** The kind of message that is being received: its frames after the first are continuations. */
  private message: 'binary' | 'text' | undefined;
  private hasPayload = false;
  private isClosed = false;

  constructor(
    /** What a client sends is masked, what a server sends is not (section 5.1). */
    private readonly expectsMask: boolean,
    private readonly masking: Masking,
    private readonly handlers: WebSocketParserHandlers,
  ) {}

  /** Changes `bytes`, where they are masked. Nothing is heard after a breach. @throws WebSocketBreach */
  parse(bytes: Uint8Array): void {
    let at = 0;
    try {
      while (at < bytes.length && !this.isClosed) {
        at = this.frame === undefined ? this.parseHeader(bytes, at) : this.parsePayload(this.frame, bytes, at);
      }
    } catch (error) {
      this.isClosed = true;
      throw error;
    }
  }

  private parseHeader(bytes: Uint8Array, start: number): number {
    let at = start;
    let needed = headerNeeds(this.header, this.headerLength);
    while (at < bytes.length && this.headerLength < needed) {
      this.header[this.headerLength++] = bytes[at++] as number;
      if (this.headerLength === 2) this.checkHeader();
      needed = headerNeeds(this.header, this.headerLength);
    }
    if (this.headerLength < needed) return at;
    this.headerLength = 0;
    // The key is the end of the header.
    for (let index = 0; index < MASK_KEY_BYTES; index++) {
      this.key[index] = this.header[needed - MASK_KEY_BYTES + index] as number;
    }
    this.beginFrame();
    return at;
  }

  /** What the first two bytes say. Nothing more is read of a frame that must not be. */
  private checkHeader(): void {
    const [first, second] = this.header as unknown as [number, number];
    const opcode = first & OPCODE_MASK;
    const isFinal = (first & FIN_BIT) !== 0;
    if ((first & RESERVED_BITS) !== 0) throw new WebSocketBreach(PROTOCOL_ERROR, 'a reserved bit is set');
    if (((second & MASK_BIT) !== 0) !== this.expectsMask)
      throw new WebSocketBreach(PROTOCOL_ERROR, this.expectsMask ? 'a frame is not masked' : 'a frame is masked');
    if (opcode >= Opcode.close) {
      if (opcode > Opcode.pong) throw new WebSocketBreach(PROTOCOL_ERROR, `opcode ${opcode}`);
      if (!isFinal) throw new WebSocketBreach(PROTOCOL_ERROR, 'a control frame in fragments');
      if ((second & LENGTH_MASK) > MAX_CONTROL_BYTES)
        throw new WebSocketBreach(PROTOCOL_ERROR, `a control frame of over ${MAX_CONTROL_BYTES} bytes`);
      return;
    }
    if (opcode > Opcode.binary) throw new WebSocketBreach(PROTOCOL_ERROR, `opcode ${opcode}`);
    if ((opcode === Opcode.continuation) !== (this.message !== undefined))
      throw new WebSocketBreach(PROTOCOL_ERROR, 'a message within a message, or a continuation of none');
  }

  private beginFrame(): void {
    const opcode = (this.header[0] as number) & OPCODE_MASK;
    const isControl = opcode >= Opcode.close;
    const payloadBytes = readLength(this.header);
    if (opcode === Opcode.binary || opcode === Opcode.text) this.hasPayload = false;
    if (opcode === Opcode.binary) this.message = 'binary';
    if (opcode === Opcode.text) {
      this.message = 'text';
      this.handlers.text();
    }
    this.frame = {
      opcode,
      isFinal: ((this.header[0] as number) & FIN_BIT) !== 0,
      payloadBytes,
      doneBytes: 0,
      control: isControl ? new Uint8Array(payloadBytes) : undefined,
    };
    // Nothing will come that could complete it.
    if (payloadBytes === 0) this.take(this.frame, new Uint8Array(0));
  }

  private parsePayload(frame: Frame, bytes: Uint8Array, start: number): number {
    const end = Math.min(bytes.length, start + frame.payloadBytes - frame.doneBytes);
    const payload = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
    if (this.expectsMask) this.masking.unmask(payload, rotateKey(this.key, frame.doneBytes));
    this.take(frame, payload);
    return end;
  }

  private take(frame: Frame, payload: Uint8Array): void {
    frame.control?.set(payload, frame.doneBytes);
    frame.doneBytes += payload.length;
    const isComplete = frame.doneBytes === frame.payloadBytes;
    if (isComplete) this.frame = undefined;
    if (frame.control !== undefined) {
      if (isComplete) this.takeControl(frame.opcode, frame.control);
      return;
    }
    const isLast = isComplete && frame.isFinal;
    const kind = this.message;
    if (isLast) this.message = undefined;
    if (payload.length > 0) this.hasPayload = true;
    else if (!isLast || !this.hasPayload) this.handlers.idle();
    if (kind === 'binary' && (payload.length > 0 || isLast)) this.handlers.received(payload, isLast);
  }

  private takeControl(opcode: number, payload: Uint8Array): void {
    if (opcode === Opcode.close) return this.takeClose(payload);
    this.handlers.idle();
    if (opcode === Opcode.ping) this.handlers.ping(payload);
  }

  private takeClose(payload: Uint8Array): void {
    this.isClosed = true;
    if (payload.length === 0) return this.handlers.close(NO_STATUS, '');
    const code = payload.length === 1 ? 0 : ((payload[0] as number) << 8) | (payload[1] as number);
    if (!isCloseCode(code)) throw new WebSocketBreach(PROTOCOL_ERROR, `close code ${code}`);
    this.handlers.close(code, readReason(payload.subarray(2)));
  }
}

function readReason(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch {
    throw new WebSocketBreach(INVALID_PAYLOAD, 'a close reason that is not UTF-8');
  }
}

/** How long the header is, as far as what has come of it says. */
function headerNeeds(header: Uint8Array, length: number): number {
  if (length < 2) return 2;
  const second = header[1] as number;
  return lengthEnd(second) + ((second & MASK_BIT) === 0 ? 0 : MASK_KEY_BYTES);
}

function lengthEnd(second: number): number {
  const code = second & LENGTH_MASK;
  return code === LENGTH_64 ? 10 : code === LENGTH_16 ? 4 : 2;
}

/** @throws WebSocketBreach for a length that no message can have */
function readLength(header: Uint8Array): number {
  const second = header[1] as number;
  const end = lengthEnd(second);
  if (end === 2) return second & LENGTH_MASK;
  let length = 0;
  for (let at = 2; at < end; at++) length = length * 256 + (header[at] as number);
  if (length > Number.MAX_SAFE_INTEGER) throw new WebSocketBreach(TOO_BIG, 'a frame of over 2^53 bytes');
  return length;
}
