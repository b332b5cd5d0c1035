import { CODES, isErrorCode } from './codes.js';
import { MAX_OFFSET } from './constants.js';
import { type ErrorPayload, MAX_APP_CODE_BYTES, MAX_REASON_BYTES, TrunklineError } from './errors.js';
import type {
  Accept,
  Heartbeat,
  Hello,
  Offer,
  Open,
  Progress,
  Refuse,
  Reopen,
  Target,
  TunnelMode,
  Welcome,
} from './frames.js';
import { canCarryFrames, isLimitInRange, LIMIT_NAMES, LIMITS_BEFORE_HANDSHAKE, type Limits } from './limits.js';
import type { Json } from './meta.js';
import { decodeUtf8, truncateUtf8 } from './utf8.js';

/**
 * Control payloads are JSON objects. Each reader copies the fields that it knows, checks them, and ignores the rest, so
 * that a newer peer can say more (R15). A payload that breaks its shape ends the connection with PROTOCOL; what is
 * well-formed but not allowed (a bad name, a meta too large) is refused by whoever decides, one stream at a time.
 */
type Fields = Readonly<Record<string, unknown>>;

export function parseFields(payload: Uint8Array, frame: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(decodeUtf8(payload));
  } catch {
    throw malformed(frame, 'the payload is not JSON in UTF-8');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(frame, 'the payload is not a JSON object');
  return value as Fields;
}

export function readHello(fields: Fields): Hello {
  const token = fields.token;
  if (token !== undefined && typeof token !== 'string') throw malformed('HELLO', 'token is not a string');
  return {
    version: readInteger(fields, 'version', 'HELLO', 0, 0xffff),
    limits: readLimits(fields, 'HELLO'),
    ...(token === undefined ? {} : { token }),
    ...optional('endpoint', fields, (key) => readId(fields, key, 'HELLO')),
    ...optional('mode', fields, () => readMode(fields.mode)),
    ...optional('protocols', fields, () => readProtocols(fields.protocols)),
  };
}

function readMode(value: unknown): TunnelMode {
  if (value !== 'multi' && value !== 'stream') throw malformed('HELLO', 'mode is neither multi nor stream');
  return value;
}

function readProtocols(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > MAX_PROTOCOLS || !value.every(isProtocol))
    throw malformed('HELLO', `protocols are not at most ${MAX_PROTOCOLS} strings of 1 to ${MAX_PROTOCOL_LENGTH}`);
  return value;
}

const MAX_PROTOCOLS = 32;
const MAX_PROTOCOL_LENGTH = 128;

/** The name of what an application speaks. */
export function isProtocol(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_PROTOCOL_LENGTH;
}

export function readWelcome(fields: Fields): Welcome {
  return {
    version: readInteger(fields, 'version', 'WELCOME', 0, 0xffff),
    limits: readLimits(fields, 'WELCOME'),
    heartbeat: readHeartbeat(fields.heartbeat),
    relayId: readString(fields, 'relayId', 'WELCOME', 128),
    resumeWindowMs:
      fields.resumeWindowMs === undefined ? 0 : readInteger(fields, 'resumeWindowMs', 'WELCOME', 0, MAX_OFFSET),
    ...optional('tunnelId', fields, (key) => readId(fields, key, 'WELCOME')),
    ...optional('isReturning', fields, (key) => readBoolean(fields, key, 'WELCOME')),
    ...optional('protocol', fields, (key) => readString(fields, key, 'WELCOME', MAX_PROTOCOL_LENGTH)),
  };
}

export const MAX_HEARTBEAT_MS = 24 * 60 * 60 * 1000;

function readHeartbeat(value: unknown): Heartbeat {
  const fields = asObject(value, 'WELCOME', 'heartbeat');
  return {
    intervalMs: readInteger(fields, 'intervalMs', 'WELCOME', 1, MAX_HEARTBEAT_MS),
    timeoutMs: readInteger(fields, 'timeoutMs', 'WELCOME', 1, MAX_HEARTBEAT_MS),
  };
}

/** A limit that is not announced has its default; early data has to be announced (R96). */
function readLimits(fields: Fields, frame: string): Limits {
  const given = fields.limits === undefined ? {} : asObject(fields.limits, frame, 'limits');
  const limits: Limits = { ...LIMITS_BEFORE_HANDSHAKE };
  for (const name of LIMIT_NAMES) {
    const value = given[name];
    if (value === undefined) continue;
    if (!isLimitInRange(name, value)) throw malformed(frame, `limits.${name} is out of range`);
    limits[name] = value;
  }
  if (!canCarryFrames(limits)) throw malformed(frame, 'limits.maxMessageBytes holds no frame of limits.maxFrameBytes');
  return limits;
}

export function readOpen(fields: Fields): Open {
  return {
    uid: readId(fields, 'uid', 'OPEN'),
    credit: readInteger(fields, 'credit', 'OPEN', 0, MAX_OFFSET),
    meta: readMeta(fields),
    target: readTarget(fields.target),
    ...readKeyAndReopen(fields, 'OPEN'),
  };
}

/** Names are not checked here: a bad one is refused with BAD_NAME on its own stream. */
function readTarget(value: unknown): Target {
  const fields = asObject(value, 'OPEN', 'target');
  switch (fields.kind) {
    case 'plain':
      return { kind: 'plain' };
    case 'connect':
      return {
        kind: 'connect',
        name: readString(fields, 'name', 'OPEN', Number.POSITIVE_INFINITY),
        waitMs: fields.waitMs === undefined ? 0 : readInteger(fields, 'waitMs', 'OPEN', 0, MAX_OFFSET),
      };
    case 'listen':
      return {
        kind: 'listen',
        name: readString(fields, 'name', 'OPEN', Number.POSITIVE_INFINITY),
        ...optional('owner', fields, (key) => readString(fields, key, 'OPEN', 128)),
        claim: fields.claim === undefined ? 0 : readInteger(fields, 'claim', 'OPEN', 0, MAX_OFFSET),
      };
    case 'watch':
      return { kind: 'watch', pattern: readString(fields, 'pattern', 'OPEN', Number.POSITIVE_INFINITY) };
    case 'accept':
      return { kind: 'accept', offerId: readString(fields, 'offerId', 'OPEN', 128) };
    case 'resume':
      return {
        kind: 'resume',
        endpoint: readString(fields, 'endpoint', 'OPEN', 128),
        waitMs: fields.waitMs === undefined ? 0 : readInteger(fields, 'waitMs', 'OPEN', 0, MAX_OFFSET),
      };
    default:
      throw malformed('OPEN', 'unknown target kind');
  }
}

export function readAccept(fields: Fields): Accept {
  return {
    credit: readInteger(fields, 'credit', 'ACCEPT', 0, MAX_OFFSET),
    meta: readMeta(fields),
    ...optional('endpoint', fields, (key) => readString(fields, key, 'ACCEPT', 128)),
    ...optional('resume', fields, () => readProgress(asObject(fields.resume, 'ACCEPT', 'resume'), 'ACCEPT')),
    ...optional('claim', fields, (key) => readInteger(fields, key, 'ACCEPT', 0, MAX_OFFSET)),
  };
}

export function readOffer(fields: Fields): Offer {
  return {
    id: readId(fields, 'id', 'OFFER'),
    uid: readId(fields, 'uid', 'OFFER'),
    name: readString(fields, 'name', 'OFFER', 128),
    meta: readMeta(fields),
    ...optional('claims', fields, () => fields.claims as Json),
    ...readKeyAndReopen(fields, 'OFFER'),
  };
}

function readKeyAndReopen(fields: Fields, frame: string): { key?: string; resume?: Reopen } {
  return {
    ...optional('key', fields, (key) => readId(fields, key, frame)),
    ...optional('resume', fields, () => readReopen(asObject(fields.resume, frame, 'resume'), frame)),
  };
}

function readReopen(fields: Fields, frame: string): Reopen {
  return {
    ...readProgress(fields, frame),
    epoch: readInteger(fields, 'epoch', frame, 1, MAX_OFFSET),
  };
}

function readProgress(fields: Fields, frame: string): Progress {
  return {
    received: readInteger(fields, 'received', frame, 0, MAX_OFFSET),
    ended: readBoolean(fields, 'ended', frame),
    proof: readString(fields, 'proof', frame, 128),
  };
}

/** A newer token, or the wish for one. */
export function readToken(fields: Fields): { token?: string; expiresInMs?: number } {
  return {
    ...optional('token', fields, (key) => readString(fields, key, 'TOKEN', Number.POSITIVE_INFINITY)),
    ...optional('expiresInMs', fields, (key) => readInteger(fields, key, 'TOKEN', 0, MAX_OFFSET)),
  };
}

/** When a GOAWAY is no more than a notice. */
export function readGrace(fields: Fields): { graceMs?: number } {
  return optional('graceMs', fields, (key) => readInteger(fields, key, 'GOAWAY', 0, MAX_OFFSET));
}

/** A field that may be missing: then nobody gets to see it. */
function optional<Key extends string, Value>(
  key: Key,
  fields: Fields,
  read: (key: Key) => Value,
): { [K in Key]?: Value } {
  return fields[key] === undefined ? {} : ({ [key]: read(key) } as { [K in Key]?: Value });
}

export function readRefuse(fields: Fields): Refuse {
  return { id: readString(fields, 'id', 'REFUSE', 128), ...readError(fields, 'REFUSE') };
}

/** A code that this version does not know is read as INTERNAL; its reason and retryable still say what they say (R16). */
export function readError(fields: Fields, frame: string): ErrorPayload {
  const code = isErrorCode(fields.code) ? fields.code : 'INTERNAL';
  if (typeof fields.code !== 'string') throw malformed(frame, 'code is not a string');
  const retryable = fields.retryable ?? CODES[code].retryable;
  if (typeof retryable !== 'boolean') throw malformed(frame, 'retryable is not a boolean');
  return {
    code,
    reason: fields.reason === undefined ? '' : readText(fields, 'reason', frame, MAX_REASON_BYTES),
    retryable,
    ...(fields.retryAfterMs === undefined
      ? {}
      : { retryAfterMs: readInteger(fields, 'retryAfterMs', frame, 0, MAX_OFFSET) }),
    ...(fields.appCode === undefined ? {} : { appCode: readText(fields, 'appCode', frame, MAX_APP_CODE_BYTES) }),
  };
}

const ID_PATTERN = /^[0-9a-f]{32}$/;

export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID_PATTERN.test(value);
}

function readId(fields: Fields, key: string, frame: string): string {
  const value = fields[key];
  if (!isId(value)) throw malformed(frame, `${key} is not 32 lower-case hexadecimal digits`);
  return value;
}

function readMeta(fields: Fields): Json {
  return (fields.meta ?? null) as Json;
}

function readInteger(fields: Fields, key: string, frame: string, lowest: number, highest: number): number {
  const value = fields[key];
  if (!Number.isSafeInteger(value) || (value as number) < lowest || (value as number) > highest) {
    throw malformed(frame, `${key} is not a whole number from ${lowest} to ${highest}`);
  }
  return value as number;
}

function readBoolean(fields: Fields, key: string, frame: string): boolean {
  const value = fields[key];
  if (typeof value !== 'boolean') throw malformed(frame, `${key} is not a boolean`);
  return value;
}

function readString(fields: Fields, key: string, frame: string, maxLength: number): string {
  const value = fields[key];
  if (typeof value !== 'string' || value.length > maxLength)
    throw malformed(frame, `${key} is not a string of at most ${maxLength}`);
  return value;
}

/** Cut, not refused: a relay that passes it on must not end up with more than a control frame holds (R18). */
function readText(fields: Fields, key: string, frame: string, maxBytes: number): string {
  return truncateUtf8(readString(fields, key, frame, Number.POSITIVE_INFINITY), maxBytes);
}

function asObject(value: unknown, frame: string, key: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(frame, `${key} is not an object`);
  return value as Fields;
}

function malformed(frame: string, detail: string): TrunklineError {
  return new TrunklineError('PROTOCOL', `${frame}: ${detail}`);
}
