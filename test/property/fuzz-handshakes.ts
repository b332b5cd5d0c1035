import { encodeUtf8 } from '../../src/protocol/utf8.js';
import type { SeededRandom } from '../support/seeded-random.js';
import { anyMessage, join, mutate } from './fuzz-input.js';

/** HELLO and WELCOME, and what else is heard before the handshake is complete, by the number on the wire. */
const FRAMES: Record<number, readonly string[]> = {
  1: ['version', 'limits', 'token', 'endpoint', 'mode', 'protocols'],
  2: ['version', 'limits', 'heartbeat', 'relayId', 'resumeWindowMs', 'tunnelId', 'isReturning', 'protocol'],
  3: ['code', 'reason', 'retryable', 'retryAfterMs', 'appCode', 'graceMs'],
  6: ['token', 'expiresInMs'],
};
const TYPES = Object.keys(FRAMES).map(Number);
const LIMITS = ['maxFrameBytes', 'maxMessageBytes', 'maxStreams', 'earlyWindowBytes', 'maxMetaBytes', 'maxNames'];
const ID = '0123456789abcdef0123456789abcdef';

const NUMBERS = [
  '0',
  '1',
  '-1',
  '-0',
  '1.5',
  '65535',
  '65536',
  '131072',
  '9007199254740991',
  '9007199254740992',
  '1e400',
];
const ODD = ['null', 'true', 'false', '""', '"x"', '[]', '{}', '[[[[]]]]', '"\\ud800"', '"\\u0000"', `"${ID}"`];

/** A value of a field, as JSON text: mostly a right one. */
function fieldValue(field: string, random: SeededRandom): string {
  if (random.chance(0.3)) return random.pick(random.chance(0.5) ? NUMBERS : ODD);
  switch (field) {
    case 'version':
      return '1';
    case 'limits':
      return objectOf(LIMITS, random, () => random.pick(NUMBERS));
    case 'heartbeat':
      return objectOf(['intervalMs', 'timeoutMs'], random, () => random.pick(['1', '1000', '86400000', '86400001']));
    case 'endpoint':
    case 'tunnelId':
      return JSON.stringify(random.chance(0.8) ? random.id() : random.id().slice(1).toUpperCase());
    case 'mode':
      return random.pick(['"multi"', '"stream"', '"Multi"']);
    case 'protocols':
      return JSON.stringify(Array.from({ length: random.pick([0, 1, 32, 33]) }, () => 'p'));
    case 'isReturning':
    case 'retryable':
      return 'true';
    case 'code':
      return random.pick(['"PROTOCOL"', '"LIMIT_RATE"', '"__proto__"', '"NEW"']);
    case 'resumeWindowMs':
    case 'retryAfterMs':
    case 'graceMs':
    case 'expiresInMs':
      return random.pick(NUMBERS);
    default:
      return JSON.stringify('t'.repeat(random.pick([0, 1, 128, 129, 2000])));
  }
}

/** Some fields missing, some twice, some that nobody knows. */
function objectOf(fields: readonly string[], random: SeededRandom, value: (field: string) => string): string {
  const chosen = fields.filter(() => random.chance(0.8));
  if (random.chance(0.1)) chosen.push(random.pick(fields));
  if (random.chance(0.1)) chosen.push(random.pick(['__proto__', 'constructor', 'toString', 'unknown']));
  return `{${chosen.map((field) => `${JSON.stringify(field)}:${value(field)}`).join()}}`;
}

/** A frame of the handshake, right or nearly. */
function handshakeFrame(random: SeededRandom): Uint8Array {
  const type = random.pick(TYPES);
  const payload = encodeUtf8(objectOf(FRAMES[type] as string[], random, (field) => fieldValue(field, random)));
  const length = random.chance(0.05) ? random.integer(0, 0xffffff) : payload.length;
  const id = random.chance(0.05) ? random.integer(0, 3) : 0;
  const header = Uint8Array.of(0, 0, 0, id, type, length >> 16, (length >> 8) & 0xff, length & 0xff);
  return join([header, payload]);
}

/** A message that begins with one, as it is or damaged, with more or less behind it. */
export function anyHandshake(random: SeededRandom): Uint8Array {
  const frames = [handshakeFrame(random)];
  while (random.chance(0.3)) frames.push(random.chance(0.5) ? handshakeFrame(random) : anyMessage(random));
  const message = join(frames);
  return random.chance(0.2) ? mutate(message, random) : message;
}
