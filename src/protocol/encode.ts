import {
  CREDIT_PAYLOAD_BYTES,
  END_PAYLOAD_BYTES,
  FrameType,
  HEADER_BYTES,
  MAX_CONTROL_PAYLOAD_BYTES,
  OFFSET_BYTES,
  TUNNEL_STREAM_ID,
} from './constants.js';
import { type ErrorPayload, TrunklineError } from './errors.js';
import type { Accept, Hello, Offer, Open, Refuse, Welcome } from './frames.js';
import { writeHeader, writeOffset } from './header.js';
import { encodeUtf8 } from './utf8.js';

/** Rare frames are built whole. The frequent ones (DATA, CREDIT, END) are written in place by the functions below. */
export const encodeHello = (hello: Hello): Uint8Array => encodeJson(TUNNEL_STREAM_ID, FrameType.Hello, hello);
export const encodeWelcome = (welcome: Welcome): Uint8Array => encodeJson(TUNNEL_STREAM_ID, FrameType.Welcome, welcome);
export const encodeGoaway = (error: ErrorPayload): Uint8Array => encodeJson(TUNNEL_STREAM_ID, FrameType.Goaway, error);
/** A GOAWAY that is not the last frame: the connection ends `graceMs` from now at the latest. */
export const encodeNotice = (error: ErrorPayload, graceMs: number): Uint8Array =>
  encodeJson(TUNNEL_STREAM_ID, FrameType.Goaway, { ...error, graceMs });
export const encodeOpen = (id: number, open: Open): Uint8Array => encodeJson(id, FrameType.Open, open);
export const encodeAccept = (id: number, accept: Accept): Uint8Array => encodeJson(id, FrameType.Accept, accept);
export const encodeReset = (id: number, error: ErrorPayload): Uint8Array => encodeJson(id, FrameType.Reset, error);
export const encodeDetach = (id: number, error: ErrorPayload): Uint8Array => encodeJson(id, FrameType.Detach, error);
export const encodeOffer = (id: number, offer: Offer): Uint8Array => encodeJson(id, FrameType.Offer, offer);
export const encodeRefuse = (id: number, refuse: Refuse): Uint8Array => encodeJson(id, FrameType.Refuse, refuse);
export const encodeEndAck = (id: number): Uint8Array => encodeRaw(id, FrameType.EndAck, new Uint8Array(0));
export const encodeClose = (id: number): Uint8Array => encodeRaw(id, FrameType.Close, new Uint8Array(0));
export const encodeToken = (token: string): Uint8Array => encodeJson(TUNNEL_STREAM_ID, FrameType.Token, { token });
export const encodeTokenRequest = (expiresInMs: number): Uint8Array =>
  encodeJson(TUNNEL_STREAM_ID, FrameType.Token, { expiresInMs });
export const encodePing = (payload: Uint8Array): Uint8Array => encodeRaw(TUNNEL_STREAM_ID, FrameType.Ping, payload);
export const encodePong = (payload: Uint8Array): Uint8Array => encodeRaw(TUNNEL_STREAM_ID, FrameType.Pong, payload);

/** @throws TrunklineError LIMIT_BYTES when the payload would not be accepted anywhere */
function encodeJson(id: number, type: number, value: object): Uint8Array {
  const payload = encodeUtf8(JSON.stringify(value));
  if (payload.length > MAX_CONTROL_PAYLOAD_BYTES) {
    throw new TrunklineError(
      'LIMIT_BYTES',
      `a control payload of ${payload.length} bytes is over ${MAX_CONTROL_PAYLOAD_BYTES}`,
    );
  }
  return encodeRaw(id, type, payload);
}

function encodeRaw(id: number, type: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  writeHeader(frame, 0, id, type, false, payload.length);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

export const CREDIT_FRAME_BYTES = HEADER_BYTES + CREDIT_PAYLOAD_BYTES;
export const END_FRAME_BYTES = HEADER_BYTES + END_PAYLOAD_BYTES;

/** DATA header only; the caller puts `length` payload bytes behind it. */
export function writeDataHeader(target: Uint8Array, at: number, id: number, length: number, exhausted: boolean): void {
  writeHeader(target, at, id, FrameType.Data, exhausted, length);
}

export function writeCredit(target: Uint8Array, at: number, id: number, consumed: number, credit: number): void {
  writeHeader(target, at, id, FrameType.Credit, false, CREDIT_PAYLOAD_BYTES);
  writeOffset(target, at + HEADER_BYTES, consumed);
  writeOffset(target, at + HEADER_BYTES + OFFSET_BYTES, credit);
}

export function writeEnd(target: Uint8Array, at: number, id: number, finalOffset: number): void {
  writeHeader(target, at, id, FrameType.End, false, END_PAYLOAD_BYTES);
  writeOffset(target, at + HEADER_BYTES, finalOffset);
}
