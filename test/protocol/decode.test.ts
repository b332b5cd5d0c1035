import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeMessage } from '../support/decode-message.js';

// Which frames and errors come of which bytes is in the conformance vectors; here is what a caller may rely on besides.
const MAX_FRAME_BYTES = 65_536;
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

test('a DATA payload is a view of the message', () => {
  const message = bytes('00000001200000026869');
  const [frame] = decodeMessage(message, MAX_FRAME_BYTES).frames;
  if (frame?.type !== 'DATA') return expect.unreachable();
  expect(frame.payload.buffer).toBe(message.buffer);
  expect([frame.payload.byteOffset, frame.payload.length]).toEqual([8, 2]);
});

test('a PING payload is a copy: it is sent back after the message is gone', () => {
  const message = bytes('00000000040000080102030405060708');
  const [frame] = decodeMessage(message, MAX_FRAME_BYTES).frames;
  message.fill(0);
  expect(frame).toMatchObject({ payload: bytes('0102030405060708') });
});

test('frames of unknown types are counted', () => {
  expect(decodeMessage(bytes('000000007f000000000000014000000100'), MAX_FRAME_BYTES)).toEqual({
    frames: [],
    unknown: 2,
  });
});

test('a message may begin anywhere in its buffer', () => {
  const message = bytes('ffffff00000001200000026869').subarray(3);
  expect(decodeMessage(message, MAX_FRAME_BYTES).frames).toMatchObject([
    { type: 'DATA', id: 1, payload: bytes('6869') },
  ]);
});

test('random bytes end in frames and perhaps PROTOCOL, never in an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (message) => {
      const { error } = decodeMessage(message, MAX_FRAME_BYTES);
      if (error) expect(error.code).toBe('PROTOCOL');
    }),
  );
});

test('a whole message, cut anywhere but between frames, is a breach', () => {
  const message = bytes('0000000120000002686900000001220000080000000000000002');
  for (let length = 1; length < message.length; length++) {
    const { frames, error } = decodeMessage(message.subarray(0, length), MAX_FRAME_BYTES);
    expect(error?.code, `cut at ${length}`).toBe(length === 10 ? undefined : 'PROTOCOL');
    expect(frames).toHaveLength(length < 10 ? 0 : 1);
  }
});
