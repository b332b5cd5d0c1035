import { isErrorCode } from '../protocol/codes.js';
import { MAX_APP_CODE_BYTES, MAX_REASON_BYTES, TrunklineError } from '../protocol/errors.js';
import { decodeUtf8, encodeUtf8, truncateUtf8 } from '../protocol/utf8.js';
import { brokenWire } from './failures.js';

/** The JSON messages of docs/files.md. Everything here judges what the other side sent; unknown fields are left alone. */

const VERSION = 1;
/** Of JSON, as UTF-8. */
export const MAX_CONTROL_BYTES = 16 * 1024;
const SHA256 = /^[0-9a-f]{64}$/;

/** Sender, first: what is coming. */
export interface OfferMessage {
  name: string;
  size: number;
  type: string;
  modifiedMs?: number;
}

/** Receiver: what it has of it already. */
export interface HeldMessage {
  offset: number;
  sha256: string;
}

/** @throws TrunklineError LIMIT_BYTES when it is larger than a message may be */
export function encodeControl(message: object): Uint8Array {
  const bytes = encodeUtf8(JSON.stringify(message));
  if (bytes.length > MAX_CONTROL_BYTES) {
    throw new TrunklineError('LIMIT_BYTES', `name and type make ${bytes.length} bytes, more than ${MAX_CONTROL_BYTES}`);
  }
  return bytes;
}

/** @throws TrunklineError PROTOCOL when it is no JSON object; the other side's own error when it is one */
export function decodeControl(bytes: Uint8Array): Record<string, unknown> {
  const message = parse(bytes);
  if (isObject(message.error)) throw toError(message.error);
  return message;
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(decodeUtf8(bytes));
  } catch {
    throw brokenWire('the other side sent a message that is not JSON');
  }
  if (!isObject(value)) throw brokenWire('the other side sent a message that is not a JSON object');
  return value;
}

function toError({ code, reason, appCode, retryable }: Record<string, unknown>): TrunklineError {
  return new TrunklineError(
    // One that only a later version knows is a failure all the same.
    isErrorCode(code) ? code : 'CANCELED',
    typeof reason === 'string' ? truncateUtf8(reason, MAX_REASON_BYTES) : undefined,
    {
      ...(typeof appCode === 'string' ? { appCode: truncateUtf8(appCode, MAX_APP_CODE_BYTES) } : {}),
      ...(typeof retryable === 'boolean' ? { retryable } : {}),
    },
  );
}

export function offerMessage(offer: OfferMessage): object {
  return { version: VERSION, ...offer };
}

export function readOffer({ version, name, size, type, modifiedMs }: Record<string, unknown>): OfferMessage {
  if (version !== VERSION) {
    throw brokenWire(`the other side speaks version ${JSON.stringify(version)} of file transfers, not ${VERSION}`);
  }
  if (typeof name !== 'string') throw wrong('name');
  if (!isSize(size)) throw wrong('size');
  if (typeof type !== 'string') throw wrong('type');
  if (modifiedMs === undefined) return { name, size, type };
  if (!Number.isFinite(modifiedMs)) throw wrong('modifiedMs');
  return { name, size, type, modifiedMs: modifiedMs as number };
}

export function readHeld({ offset, sha256 }: Record<string, unknown>): HeldMessage {
  if (!isSize(offset)) throw wrong('offset');
  return { offset, sha256: asHash(sha256) };
}

/** Either all that the receiver said it holds, or nothing. */
export function readStart({ offset }: Record<string, unknown>, heldBytes: number): number {
  if (offset !== 0 && offset !== heldBytes) throw wrong('offset');
  return offset;
}

export function readTrailer({ sha256 }: Record<string, unknown>): string {
  return asHash(sha256);
}

export function readStored({ stored, sha256 }: Record<string, unknown>): string {
  if (stored !== true) throw wrong('stored');
  return asHash(sha256);
}

function asHash(value: unknown): string {
  if (typeof value !== 'string' || !SHA256.test(value)) throw wrong('sha256');
  return value;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(field: string): TrunklineError {
  return brokenWire(`the other side sent a message whose "${field}" is missing or wrong`);
}
