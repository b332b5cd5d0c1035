import { expect, test } from 'vitest';
import { HEADER_BYTES } from '../../src/protocol/constants.js';
import { decodeMessage } from '../support/decode-message.js';
import { SeededRandom } from '../support/seeded-random.js';
import { fuzzParts, fuzzWhole, MAX_FRAME } from './fuzz-decoder.js';
import { anyHandshake } from './fuzz-handshakes.js';
import { anyMessage, goodFrames, join, mutate } from './fuzz-input.js';
import { announce, FUZZ_RUNS, PROPERTY_SEED } from './settings.js';

/** Whatever comes in: an answer, with no more frames than bytes allow, and payloads that lie within the message. */
function decodeAnything(message: Uint8Array): void {
  const { frames, error, unknown } = decodeMessage(message, MAX_FRAME);
  expect(frames.length + unknown).toBeLessThanOrEqual(message.length / HEADER_BYTES);
  if (error !== undefined) expect(error.code).toBe('PROTOCOL');
  for (const frame of frames) {
    if (frame.type !== 'DATA') continue;
    expect(frame.payload.buffer).toBe(message.buffer);
    expect(frame.payload.byteOffset + frame.payload.length).toBeLessThanOrEqual(message.byteOffset + message.length);
  }
}

function fuzz(what: string, make: (random: SeededRandom) => Uint8Array): void {
  announce(what, FUZZ_RUNS);
  const random = new SeededRandom(PROPERTY_SEED);
  for (let run = 0; run < FUZZ_RUNS; run++) fuzzWhole(make(random));
}

test('random bytes', { timeout: 600_000 }, () => {
  fuzz('decoder, random bytes', (random) => random.bytes(random.integer(0, 200)));
});

test('mutated messages', { timeout: 600_000 }, () => {
  fuzz('decoder, mutated messages', anyMessage);
});

test('handshakes that are nearly right', { timeout: 600_000 }, () => {
  fuzz('decoder, handshakes', anyHandshake);
});

test('mutated messages in parts break the rules that they break as a whole', { timeout: 600_000 }, () => {
  announce('decoder, parts of mutated messages', FUZZ_RUNS);
  const random = new SeededRandom(PROPERTY_SEED);
  for (let run = 0; run < FUZZ_RUNS; run++) fuzzParts(anyMessage(random), random);
});

test('every truncation of every frame is a breach, and leaves the frames before it', () => {
  for (const frame of goodFrames(7)) {
    const first = goodFrames(7)[3]!;
    for (let length = 1; length < frame.length; length++) {
      const { frames, error } = decodeMessage(join([first, frame.subarray(0, length)]), MAX_FRAME);
      expect(error?.code).toBe('PROTOCOL');
      expect(frames.map(({ type }) => type)).toEqual(['PING']);
    }
  }
});

test('every split of a message between frames gives the same frames, every other split a breach', () => {
  const frames = goodFrames(7);
  const message = join(frames);
  const whole = decodeMessage(message, MAX_FRAME);
  expect(whole).toMatchObject({ unknown: 0 });
  expect(whole.frames).toHaveLength(frames.length);
  const ends = new Set<number>();
  for (let end = 0, index = 0; index < frames.length; index++) {
    end += frames[index]!.length;
    ends.add(end);
  }
  for (let at = 1; at < message.length; at++) {
    const head = decodeMessage(message.subarray(0, at), MAX_FRAME);
    decodeAnything(message.subarray(at));
    if (!ends.has(at)) {
      expect(head.error?.code).toBe('PROTOCOL');
      continue;
    }
    const tail = decodeMessage(message.subarray(at), MAX_FRAME);
    expect([head.error, tail.error]).toEqual([undefined, undefined]);
    expect([...head.frames, ...tail.frames]).toEqual(whole.frames);
  }
});

test('a length that promises more than there is stores nothing', () => {
  const header = Uint8Array.of(0, 0, 0, 1, 0x20, 0xff, 0xff, 0xff);
  expect(decodeMessage(header, 16 * 1024 * 1024).frames).toEqual([]);
  decodeAnything(header);
});

test('what is checked of a good message holds for its neighbours', () => {
  const random = new SeededRandom(PROPERTY_SEED);
  for (let run = 0; run < Math.min(FUZZ_RUNS, 2000); run++) {
    const message = mutate(join([random.pick(goodFrames(3)), random.pick(goodFrames(5))]), random);
    decodeAnything(message);
  }
});

test('memory stays bounded, whatever is decoded', () => {
  const random = new SeededRandom(PROPERTY_SEED);
  const collect = globalThis.gc as () => void;
  const decode = (count: number) => {
    for (let run = 0; run < count; run++) decodeMessage(anyMessage(random), MAX_FRAME);
  };
  decode(1000);
  collect();
  const before = process.memoryUsage().heapUsed;
  decode(5000);
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(4 * 1024 * 1024);
});
