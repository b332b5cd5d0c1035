import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/node/websocket-frames.js';
import { HeardParser } from './parser-fixture.js';
import { wsFrame } from './ws-internals.js';

const FIN = 0x80;

/** A frame by hand, for what `ws` would not write. The key is zero, so that the payload is legible. */
function rawFrame(
  first: number,
  mask: boolean,
  payload: Uint8Array = Buffer.alloc(0),
  length = payload.length,
): Buffer {
  const maskBit = mask ? 0x80 : 0;
  const key = mask ? Buffer.alloc(4) : Buffer.alloc(0);
  if (length <= 125) return Buffer.concat([Buffer.of(first, maskBit | length), key, payload]);
  const extended = Buffer.of(first, maskBit | 126, length >> 8, length & 255);
  return Buffer.concat([extended, key, payload]);
}

const text = (value: string): Buffer => Buffer.from(value);
const begun = (mask: boolean, opcode: number = Opcode.binary): Buffer => rawFrame(opcode, mask, text('begin'));
const nothing = (): Buffer => Buffer.alloc(0);

interface Breach {
  what: string;
  closeCode: number;
  prelude?: (mask: boolean) => Buffer;
  frame: (mask: boolean) => Buffer;
  /** The byte of the frame with which it is a breach; the second, of most. */
  at?: (mask: boolean) => number;
}

const close = (payload: Uint8Array) => (mask: boolean) => rawFrame(FIN | Opcode.close, mask, payload);
/** All of the frame has to be there. */
const whole = (bytes: number) => (mask: boolean) => 2 + (mask ? 4 : 0) + bytes - 1;

const breaches: Breach[] = [
  ...[0x40, 0x20, 0x10, 0x70].flatMap((bits) => [
    {
      what: `reserved bits ${bits} of a message`,
      closeCode: 1002,
      frame: (mask: boolean) => rawFrame(FIN | bits | 2, mask),
    },
    {
      what: `reserved bits ${bits} of a ping`,
      closeCode: 1002,
      frame: (mask: boolean) => rawFrame(FIN | bits | 9, mask),
    },
  ]),
  ...[3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf].flatMap((opcode) => [
    { what: `opcode ${opcode}`, closeCode: 1002, frame: (mask: boolean) => rawFrame(FIN | opcode, mask) },
    {
      what: `opcode ${opcode} within a message`,
      closeCode: 1002,
      prelude: begun,
      frame: (mask: boolean) => rawFrame(FIN | opcode, mask),
    },
  ]),
  {
    what: 'a mask where none must be, or none where one must be',
    closeCode: 1002,
    frame: (mask) => rawFrame(FIN | 2, !mask),
  },
  { what: 'the same with a ping', closeCode: 1002, frame: (mask) => rawFrame(FIN | 9, !mask) },
  ...[Opcode.close, Opcode.ping, Opcode.pong].flatMap((opcode) => [
    { what: `control frame ${opcode} in fragments`, closeCode: 1002, frame: (mask: boolean) => rawFrame(opcode, mask) },
    {
      what: `control frame ${opcode} of 126 bytes`,
      closeCode: 1002,
      frame: (mask: boolean) => rawFrame(FIN | opcode, mask, Buffer.alloc(126)),
    },
    {
      what: `control frame ${opcode} whose length takes more than a byte`,
      closeCode: 1002,
      frame: (mask: boolean) => Buffer.of(FIN | opcode, (mask ? 0x80 : 0) | 127),
    },
  ]),
  { what: 'a continuation of nothing', closeCode: 1002, frame: (mask) => rawFrame(Opcode.continuation, mask) },
  {
    what: 'a continuation of what has ended',
    closeCode: 1002,
    prelude: (mask) => Buffer.concat([begun(mask), rawFrame(FIN | Opcode.continuation, mask)]),
    frame: (mask) => rawFrame(FIN | Opcode.continuation, mask),
  },
  { what: 'a message within a message', closeCode: 1002, prelude: begun, frame: (mask) => rawFrame(FIN | 2, mask) },
  {
    what: 'a text message within a message',
    closeCode: 1002,
    prelude: begun,
    frame: (mask) => rawFrame(FIN | 1, mask),
  },
  {
    what: 'a message within a text message',
    closeCode: 1002,
    prelude: (mask) => begun(mask, Opcode.text),
    frame: (mask) => rawFrame(FIN | 2, mask),
  },
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map((code) => ({
    what: `close code ${code}`,
    closeCode: 1002,
    frame: close(Buffer.of(code >> 8, code & 255)),
    at: whole(2),
  })),
  { what: 'a close frame of one byte', closeCode: 1002, frame: close(Buffer.of(3)), at: whole(1) },
  {
    what: 'a close reason that is cut inside of a character',
    closeCode: 1007,
    frame: close(Buffer.from([3, 232, ...text('é').subarray(0, 1)])),
    at: whole(3),
  },
  {
    what: 'a close reason that is not UTF-8',
    closeCode: 1007,
    frame: close(Buffer.of(3, 232, 0xed, 0xa0, 0x80)),
    at: whole(5),
  },
  ...[
    [0, 0x20],
    [0x80, 0],
    [0xff, 0xff],
  ].map(([high, low]) => ({
    what: `a length of ${high},${low}·2^48`,
    closeCode: 1009,
    frame: (mask: boolean) =>
      Buffer.concat([
        Buffer.of(FIN | 2, (mask ? 0x80 : 0) | 127, high!, low!),
        Buffer.alloc(6),
        Buffer.alloc(mask ? 4 : 0),
      ]),
    // No byte of the payload is waited for.
    at: (mask: boolean) => (mask ? 13 : 9),
  })),
];

describe.each([true, false])('of RFC 6455 is broken by a peer that masks: %s', (mask) => {
  it.each(breaches)('$what', ({ closeCode, prelude = nothing, frame, at = () => 1 }) => {
    const parser = new HeardParser(mask);
    const begin = prelude(mask);
    expect(parser.breachOf(begin)).toBeUndefined();
    const { told, partialBytes } = parser;
    const toldBefore = [...told];
    expect(parser.breachOf(frame(mask))).toEqual({ closeCode, at: at(mask) });
    expect(parser.told).toEqual(toldBefore);
    expect(parser.partialBytes).toBe(partialBytes);
  });

  it.each(breaches)('and nothing is heard after it: $what', ({ prelude = nothing, frame, at = () => 1 }) => {
    const parser = new HeardParser(mask);
    parser.feed(prelude(mask));
    const bytes = frame(mask);
    expect(parser.breachOf(bytes)).toBeDefined();
    const { partialBytes } = parser;
    const toldBefore = [...parser.told];
    const messagesBefore = parser.messages.length;
    const rest = bytes.subarray(at(mask) + 1);
    const key = mask ? Buffer.alloc(4) : Buffer.alloc(0);
    // What would complete the frame, and what would follow it.
    for (const late of [rest, key, Buffer.alloc(4), wsFrame(Opcode.binary, text('late'), mask), Buffer.alloc(200)])
      parser.feed(late);
    expect(parser.told).toEqual(toldBefore);
    expect([parser.partialBytes, parser.messages.length]).toEqual([partialBytes, messagesBefore]);
  });

  it('a length of 2^53 - 1 is none', () => {
    const parser = new HeardParser(mask);
    const header = Buffer.concat([
      Buffer.of(FIN | 2, (mask ? 0x80 : 0) | 127, 0, 0x1f),
      Buffer.alloc(6, 255),
      Buffer.alloc(mask ? 4 : 0),
    ]);
    expect(parser.breachOf(Buffer.concat([header, text('it begins')]))).toBeUndefined();
    expect(parser.partialBytes).toBe(9);
  });
});
