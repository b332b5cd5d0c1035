import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Decoded, FrameDecoder } from '../../src/protocol/decode.js';
import { encodeEndAck, encodePing, encodeReset, writeDataHeader } from '../../src/protocol/encode.js';
import type { Frame } from '../../src/protocol/frames.js';
import { joinMessage } from '../../src/protocol/message-parts.js';
import { goodFrames } from '../property/fuzz-input.js';

const MAX_FRAME_BYTES = 1024;
const MAX_MESSAGE_BYTES = 20_000;
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const makeDecoder = () => new FrameDecoder(MAX_FRAME_BYTES, MAX_MESSAGE_BYTES);

function data(id: number, payload: Uint8Array, exhausted = false): Uint8Array {
  const frame = new Uint8Array(8 + payload.length);
  writeDataHeader(frame, 0, id, payload.length, exhausted);
  frame.set(payload, 8);
  return frame;
}

/** Decodes a message that arrives in these parts, up to the first error. */
function decodeParts(decoder: FrameDecoder, parts: readonly Uint8Array[]): Decoded {
  const all: Decoded = { frames: [], unknown: 0 };
  for (const [index, part] of parts.entries()) {
    const { frames, unknown, error } = decoder.decode(part, index === parts.length - 1);
    all.frames.push(...frames);
    all.unknown += unknown;
    if (error !== undefined) return { ...all, error };
  }
  return all;
}

function cut(message: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (message.length + 1)), message.length].toSorted((a, b) => a - b);
  return ends.map((end, index) => message.subarray(index === 0 ? 0 : ends[index - 1], end));
}

/** Joins the pieces of the DATA frames that begin at these places among the DATA of the whole message. */
function joinPieces(frames: readonly Frame[], lengths: readonly number[]): Frame[] {
  const joined: Frame[] = [];
  const left = [...lengths];
  let open: { id: number; pieces: Uint8Array[]; missing: number } | undefined;
  for (const frame of frames) {
    if (frame.type !== 'DATA') {
      expect(open, `${frame.type} inside a DATA frame`).toBeUndefined();
      joined.push(frame);
      continue;
    }
    open ??= { id: frame.id, pieces: [], missing: left.shift() ?? Number.NaN };
    open.pieces.push(frame.payload);
    open.missing -= frame.payload.length;
    expect(frame.id).toBe(open.id);
    if (open.missing > 0) {
      expect([frame.exhausted, frame.payload.length > 0]).toEqual([false, true]);
      continue;
    }
    expect(open.missing).toBe(0);
    joined.push({ ...frame, payload: joinMessage(open.pieces) });
    open = undefined;
  }
  // What is left of a frame that was never completed is no frame of the whole message either.
  return joined;
}

const dataLengths = (frames: readonly Frame[]): number[] =>
  frames.filter((frame) => frame.type === 'DATA').map(({ payload }) => payload.length);

function expectAsWhole(message: Uint8Array, places: readonly number[]): Decoded {
  const whole = makeDecoder().decode(message, true);
  const decoder = makeDecoder();
  const inParts = decodeParts(decoder, cut(message, places));
  // An incomplete DATA frame at the end has handed out pieces; as a whole it is none.
  const truncated = whole.error === undefined ? [] : [Number.POSITIVE_INFINITY];
  expect(joinPieces(inParts.frames, [...dataLengths(whole.frames), ...truncated])).toEqual(whole.frames);
  expect(inParts.unknown).toBe(whole.unknown);
  expect([inParts.error?.code, inParts.error?.message]).toEqual([whole.error?.code, whole.error?.message]);
  if (inParts.error === undefined) expect(decoder.decode(encodePing(new Uint8Array(8)), true).frames).toHaveLength(1);
  return inParts;
}

const anyData = fc
  .record({
    id: fc.integer({ min: 1, max: 0xffff_ffff }),
    payload: fc.uint8Array({ maxLength: 60 }),
    flag: fc.boolean(),
  })
  .map(({ id, payload, flag }) => data(id, payload, flag));
const anyUnknown = fc
  .record({ type: fc.constantFrom(0x3f, 0x40, 0x7f), payload: fc.uint8Array({ maxLength: 30 }) })
  .map(({ type, payload }) => Uint8Array.of(0, 0, 0, 5, type, 0, 0, payload.length, ...payload));
const anyFrame = fc.oneof(anyData, anyData, anyUnknown, fc.constantFrom(...goodFrames(7)));
const anyFrames = fc.array(anyFrame, { minLength: 1, maxLength: 12 }).map(joinMessage);
const anyPlaces = fc.array(fc.nat(4000), { maxLength: 30 });

describe('a message in any parts', () => {
  test('is the same frames as the message in one', () => {
    fc.assert(
      fc.property(anyFrames, anyPlaces, (message, places) => {
        expect(expectAsWhole(message, places).error).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  test('breaks the same rule where it breaks one', () => {
    const changes = fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { minLength: 1, maxLength: 4 });
    let breaches = 0;
    fc.assert(
      fc.property(anyFrames, anyPlaces, changes, fc.nat(20), (message, places, changed, dropped) => {
        for (const [place, byte] of changed) message[place % message.length] = byte;
        const kept = message.subarray(0, Math.max(1, message.length - dropped));
        if (expectAsWhole(kept, places).error !== undefined) breaches++;
      }),
      { numRuns: 500 },
    );
    expect(breaches).toBeGreaterThan(100);
  });

  test('is decoded byte by byte, and so is the one behind it', () => {
    const message = joinMessage(goodFrames(7));
    const single = Array.from(message, (_, at) => message.subarray(at, at + 1));
    const whole = makeDecoder().decode(message, true);
    const decoder = makeDecoder();
    for (const round of [1, 2]) {
      const { frames, error } = decodeParts(decoder, single);
      expect(error, `round ${round}`).toBeUndefined();
      expect(joinPieces(frames, dataLengths(whole.frames))).toEqual(whole.frames);
    }
  });
});

describe('a DATA frame in parts', () => {
  const message = bytes('00000001 a0 000004 61626364');

  test('hands out what has come, as views, and the flag with its last piece', () => {
    const decoder = makeDecoder();
    const first = message.subarray(0, 9);
    const second = message.subarray(9, 11);
    const { frames } = decoder.decode(first, false);
    expect(frames).toEqual([{ type: 'DATA', id: 1, payload: bytes('61'), exhausted: false }]);
    const [piece] = decoder.decode(second, false).frames;
    expect(piece).toEqual({ type: 'DATA', id: 1, payload: bytes('6263'), exhausted: false });
    expect(piece?.type === 'DATA' && [piece.payload.buffer, piece.payload.byteOffset]).toEqual([message.buffer, 9]);
    const last = decoder.decode(message.subarray(11), true);
    expect(last).toEqual({
      frames: [{ type: 'DATA', id: 1, payload: bytes('64'), exhausted: true }],
      unknown: 0,
    });
  });

  test('says nothing before its first byte, wherever its header is cut', () => {
    for (let at = 0; at <= 8; at++) {
      const decoder = makeDecoder();
      expect(decoder.decode(message.subarray(0, at), false), `cut at ${at}`).toEqual({ frames: [], unknown: 0 });
      expect(decoder.decode(message.subarray(at), true).frames, `cut at ${at}`).toEqual([
        { type: 'DATA', id: 1, payload: bytes('61626364'), exhausted: true },
      ]);
    }
  });

  test('without payload keeps its flag, wherever its header is cut', () => {
    for (let at = 1; at < 8; at++) {
      const empty = bytes('00000001 a0 000000');
      expect(decodeParts(makeDecoder(), [empty.subarray(0, at), empty.subarray(at)])).toEqual({
        frames: [{ type: 'DATA', id: 1, payload: new Uint8Array(0), exhausted: true }],
        unknown: 0,
      });
    }
  });
});

test('a control frame is handed out once it is complete, wherever it is cut', () => {
  const reset = encodeReset(3, { code: 'CANCELED', reason: 'enough' });
  for (let at = 1; at < reset.length; at++) {
    const decoder = makeDecoder();
    expect(decoder.decode(reset.subarray(0, at), false), `cut at ${at}`).toEqual({ frames: [], unknown: 0 });
    expect(decoder.decode(reset.subarray(at), true).frames).toMatchObject([{ type: 'RESET', id: 3 }]);
  }
});

test('what is kept of a frame is a copy: its part may be overwritten', () => {
  const reset = encodeReset(3, { code: 'CANCELED', reason: 'enough' });
  const decoder = makeDecoder();
  for (const part of [reset.subarray(0, 5), reset.subarray(5, 20)]) {
    const arrived = new Uint8Array(part);
    decoder.decode(arrived, false);
    arrived.fill(0xff);
  }
  expect(decoder.decode(reset.subarray(20), true).frames).toMatchObject([{ error: { reason: 'enough' } }]);
});

test.each([
  ['inside a header', '00000001 20 00'],
  ['behind a header', '00000001 20 000002'],
  ['inside a DATA payload', '00000001 20 000002 61'],
  ['inside a control frame', '00000001 22 000008 00'],
])('a message that ends %s is a breach, in whatever parts it came', (_, hex) => {
  const message = bytes(hex);
  for (let at = 0; at <= message.length; at++) {
    const { error } = decodeParts(makeDecoder(), [message.subarray(0, at), message.subarray(at)]);
    expect([error?.code, error?.message], `cut at ${at}`).toEqual([
      'PROTOCOL',
      expect.stringContaining('a frame is truncated'),
    ]);
  }
});

test('frames of unknown types are counted once they are complete', () => {
  const decoder = makeDecoder();
  const message = bytes('00000000 7f 000002 6162 00000001 40 000000');
  expect([
    decoder.decode(message.subarray(0, 9), false).unknown,
    decoder.decode(message.subarray(9, 17), false).unknown,
    decoder.decode(message.subarray(17), true).unknown,
  ]).toEqual([0, 1, 1]);
});

describe('the largest message', () => {
  const ack = encodeEndAck(1);
  const makeSmall = () => new FrameDecoder(MAX_FRAME_BYTES, 3 * ack.length);

  test('is counted over all of its parts, and for each message anew', () => {
    const decoder = makeSmall();
    for (const round of [1, 2]) {
      const { frames, error } = decodeParts(decoder, [ack, ack, ack]);
      expect([frames.length, error], `message ${round}`).toEqual([3, undefined]);
    }
  });

  test('is not passed by a byte: the part that does so is not looked at', () => {
    const decoder = makeSmall();
    decodeParts(decoder, [ack]);
    expect(decoder.decode(joinMessage([ack, ack]), false).frames).toHaveLength(2);
    const over = decoder.decode(joinMessage([ack, ack.subarray(0, 1)]), false);
    expect([over.frames, over.error?.code]).toEqual([[], 'PROTOCOL']);
  });
});

test('an empty message is a breach, in however many parts; an empty part is not', () => {
  const nothing = new Uint8Array(0);
  for (const parts of [[nothing], [nothing, nothing]])
    expect(decodeParts(makeDecoder(), parts).error?.code).toBe('PROTOCOL');
  const ack = encodeEndAck(1);
  const parts = [nothing, ack.subarray(0, 3), nothing, ack.subarray(3), nothing];
  expect(decodeParts(makeDecoder(), parts)).toEqual({ frames: [{ type: 'END_ACK', id: 1 }], unknown: 0 });
});

describe('what a header promises', () => {
  const isStoring = (decoder: FrameDecoder) => (decoder as unknown as { fragment: unknown }).fragment !== undefined;

  test.each([
    ['a control frame over 16 KiB', '00000001 10 004001'],
    ['a DATA frame over the limit', '00000001 20 000401'],
    ['a frame of an unknown type over the limit', '00000001 7f 000401'],
    ['a CREDIT of another length', '00000001 21 000011'],
    ['a stream frame on the tunnel', '00000000 20 000010'],
  ])('%s is refused at its header, wherever that is cut, and nothing kept', (_, hex) => {
    const header = bytes(hex);
    for (let at = 0; at < header.length; at++) {
      const decoder = makeDecoder();
      expect(decoder.decode(header.subarray(0, at), false)).toEqual({ frames: [], unknown: 0 });
      const { error, frames } = decoder.decode(header.subarray(at), false);
      expect([error?.code, frames, isStoring(decoder)], `cut at ${at}`).toEqual(['PROTOCOL', [], false]);
    }
  });

  test('is kept for no DATA: its bytes are not stored', () => {
    const decoder = makeDecoder();
    decoder.decode(data(1, new Uint8Array(1000)).subarray(0, 500), false);
    expect(isStoring(decoder)).toBe(false);
  });

  test('is kept only as long as its frame is incomplete', () => {
    const decoder = makeDecoder();
    decoder.decode(encodePing(new Uint8Array(8)).subarray(0, 10), false);
    expect(isStoring(decoder)).toBe(true);
    decoder.decode(encodePing(new Uint8Array(8)).subarray(10), false);
    expect(isStoring(decoder)).toBe(false);
  });
});
