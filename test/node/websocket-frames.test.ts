import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { fillMaskKey } from '../../src/node/mask-keys.js';
import { portableMasking } from '../../src/node/masking.js';
import { headerBytes, Opcode, writeFrameHeader } from '../../src/node/websocket-frames.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { Receiver, wsFrame } from './ws-internals.js';

/** Either side of every bound between encodings of a length. */
const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 300_000];

function writtenFrame(opcode: number, payload: Uint8Array, isMasked: boolean, margin = 0): Buffer {
  const frame = Buffer.alloc(margin + headerBytes(payload.length, isMasked) + payload.length);
  let at = writeFrameHeader(frame, margin, opcode, payload.length, isMasked);
  const key = Uint8Array.of(7, 0, 255, 129);
  if (isMasked) {
    frame.set(key, at);
    at += key.length;
  }
  portableMasking.mask(payload, isMasked ? key : new Uint8Array(4), frame, at);
  return frame.subarray(margin);
}

describe('the header of a frame', () => {
  it.each([
    [0, 2],
    [125, 2],
    [126, 4],
    [65_535, 4],
    [65_536, 10],
    [2 ** 32, 10],
    [Number.MAX_SAFE_INTEGER, 10],
  ])('of %i bytes takes %i, and four more with a key', (payloadBytes, expected) => {
    expect(headerBytes(payloadBytes, false)).toBe(expected);
    expect(headerBytes(payloadBytes, true)).toBe(expected + 4);
  });

  it.each(SIZES)('of %i bytes is the one that ws writes', (size) => {
    const payload = seededBytes(1, 0, size);
    expect(writtenFrame(Opcode.binary, payload, false).equals(wsFrame(Opcode.binary, payload, false))).toBe(true);
  });

  it.each(SIZES)('is written where it is told to, and its length says where the payload goes: %i bytes', (size) => {
    const target = new Uint8Array(64).fill(0xee);
    const payloadAt = writeFrameHeader(target, 5, Opcode.binary, size, false);
    expect(payloadAt).toBe(5 + headerBytes(size, false));
    expect([...target.subarray(0, 5)]).toEqual(Array(5).fill(0xee));
    expect(target.subarray(payloadAt).every((byte) => byte === 0xee)).toBe(true);
  });

  it('holds lengths of more than 32 bits', () => {
    const target = Buffer.alloc(14);
    writeFrameHeader(target, 0, Opcode.binary, Number.MAX_SAFE_INTEGER, true);
    expect(target[1]).toBe(0xff);
    expect(target.readBigUInt64BE(2)).toBe(BigInt(Number.MAX_SAFE_INTEGER));
  });

  it.each([true, false])('is read by the receiver of ws, masked: %s', async (isMasked) => {
    const receiver = new Receiver({ isServer: isMasked });
    for (const size of SIZES) {
      const payload = seededBytes(size, 0, size);
      const received = once(receiver, 'message') as Promise<[Buffer, boolean]>;
      receiver.write(writtenFrame(Opcode.binary, payload, isMasked));
      const [bytes, isBinary] = await received;
      expect(bytes.equals(payload)).toBe(true);
      expect(isBinary).toBe(true);
    }
    for (const [opcode, event] of [
      [Opcode.ping, 'ping'],
      [Opcode.pong, 'pong'],
    ] as const) {
      const received = once(receiver, event) as Promise<[Buffer]>;
      receiver.write(writtenFrame(opcode, Buffer.from('are you there?'), isMasked));
      expect((await received)[0].toString()).toBe('are you there?');
    }
  });
});

it('masking keys differ from each other, also past the end of the reserve', () => {
  const keys = new Set<string>();
  const key = Buffer.alloc(4);
  for (let count = 0; count < 5_000; count++) {
    fillMaskKey(key);
    keys.add(key.toString('hex'));
  }
  // Five thousand of four thousand million: that more than a few of them meet is not chance.
  expect(keys.size).toBeGreaterThan(4_990);
});
