import {
  encodeAccept,
  encodeClose,
  encodeDetach,
  encodeEndAck,
  encodeGoaway,
  encodeHello,
  encodeNotice,
  encodeOffer,
  encodeOpen,
  encodePing,
  encodePong,
  encodeRefuse,
  encodeReset,
  encodeToken,
  encodeTokenRequest,
  encodeWelcome,
  writeCredit,
  writeDataHeader,
  writeEnd,
} from '../../src/protocol/encode.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import type { SeededRandom } from '../support/seeded-random.js';

const ID = '0123456789abcdef0123456789abcdef';
const ERROR = { code: 'CANCELED', reason: 'because' } as const;

/** Raw frames that the encoder writes in place only. */
function built(bytes: number, write: (target: Uint8Array) => void): Uint8Array {
  const frame = new Uint8Array(bytes);
  write(frame);
  return frame;
}

/** One good frame of each type, on a stream id. */
export function goodFrames(id: number): Uint8Array[] {
  const target = { kind: 'connect', name: 'n', waitMs: 5 } as const;
  const resume = { epoch: 1, received: 0, ended: false, proof: 'p' };
  return [
    encodeHello({ version: 1, limits: DEFAULT_LIMITS, token: 't' }),
    encodeWelcome({
      version: 1,
      limits: DEFAULT_LIMITS,
      heartbeat: { intervalMs: 1000, timeoutMs: 1000 },
      relayId: 'r',
      resumeWindowMs: 1000,
    }),
    encodeGoaway(ERROR),
    encodePing(new Uint8Array(8)),
    encodePong(new Uint8Array(8)),
    encodeOpen(id, { uid: ID, credit: 1000, meta: { some: ['meta'] }, target }),
    encodeOpen(id, { uid: ID, credit: 1000, meta: null, target: { kind: 'plain' } }),
    encodeOpen(id, { uid: ID, credit: 1000, meta: null, target: { kind: 'listen', name: 'm', claim: 0 } }),
    encodeOpen(id, { uid: ID, credit: 1000, meta: null, target: { kind: 'accept', offerId: ID } }),
    encodeAccept(id, { credit: 1000, meta: null }),
    encodeReset(id, ERROR),
    built(8 + 20, (frame) => writeDataHeader(frame, 0, id, 20, true)),
    built(24, (frame) => writeCredit(frame, 0, id, 10, 2000)),
    built(16, (frame) => writeEnd(frame, 0, id, 20)),
    encodeEndAck(id),
    encodeOffer(id, { id: ID, uid: ID, name: 'n', meta: null }),
    encodeRefuse(id, { id: ID, ...ERROR }),
    encodeDetach(id, ERROR),
    encodeClose(id),
    encodeToken('t'),
    encodeTokenRequest(1000),
    encodeNotice(ERROR, 1000),
    encodeOpen(id, { uid: ID, credit: 1000, meta: null, target: { kind: 'resume', endpoint: ID, waitMs: 5 }, resume }),
    encodeOpen(id, { uid: ID, credit: 1000, meta: null, target, key: ID, resume }),
    encodeAccept(id, { credit: 1000, meta: null, endpoint: ID, resume: { received: 0, ended: false, proof: 'p' } }),
  ];
}

export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const LOWEST_ID = 1;
const HIGHEST_ID = 9;
const FRAMES = new Map(
  Array.from({ length: HIGHEST_ID }, (_, index) => [index + LOWEST_ID, goodFrames(index + LOWEST_ID)] as const),
);

/** A message of a few good frames on ids near each other. */
export function goodMessage(random: SeededRandom): Uint8Array {
  const count = random.integer(1, 4);
  return join(
    Array.from({ length: count }, () => random.pick(FRAMES.get(random.integer(LOWEST_ID, HIGHEST_ID)) as Uint8Array[])),
  );
}

/** Values where arithmetic on the wire tends to go wrong. */
const EDGES = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/** The message with a few bytes changed, dropped, doubled or put in. */
export function mutate(message: Uint8Array, random: SeededRandom): Uint8Array {
  let bytes = Uint8Array.from(message);
  for (let left = random.integer(1, 4); left > 0; left--) {
    const at = random.integer(0, Math.max(0, bytes.length - 1));
    const length = random.integer(1, 8);
    switch (random.integer(0, 5)) {
      case 0:
        if (bytes.length > 0) bytes[at] = random.integer(0, 255);
        break;
      case 1:
        if (bytes.length > 0) bytes[at] = random.pick(EDGES);
        break;
      case 2:
        if (bytes.length > 0) bytes[at] = (bytes[at] as number) ^ (1 << random.integer(0, 7));
        break;
      case 3:
        bytes = join([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 4:
        bytes = join([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)]);
        break;
      default:
        bytes = join([bytes.subarray(0, at), random.bytes(length), bytes.subarray(at)]);
    }
  }
  return bytes;
}

/** Anything: noise, noise behind a plausible header, good, or nearly good. */
export function anyMessage(random: SeededRandom): Uint8Array {
  switch (random.integer(0, 5)) {
    case 0:
      return random.bytes(random.integer(0, 64));
    case 1: {
      const noise = random.bytes(random.integer(0, 40));
      const type = random.pick([1, 2, 3, 4, 5, 6, 16, 17, 18, 19, 32, 33, 34, 35, 36, 48, 49]);
      return join([Uint8Array.of(0, 0, 0, random.integer(0, 9), type, 0, 0, noise.length), noise]);
    }
    case 2:
      return goodMessage(random);
    default:
      return mutate(goodMessage(random), random);
  }
}
