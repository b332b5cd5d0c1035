import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteStreamParser } from '../../src/transport/byte-stream-parser.js';
import { holds } from '../node/holds.js';
import { announce, PROPERTY_RUNS } from '../property/settings.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { onWire, PREFACE_TEXT } from './byte-stream-fixture.js';

interface Parsed {
  messages: Buffer[];
  /** Of a message that is not complete. */
  rest: Buffer;
  parts: number;
  unfinished: string | undefined;
}

function parseAll(chunks: readonly Uint8Array[]): Parsed {
  const messages: Buffer[] = [];
  let open: Uint8Array[] = [];
  let parts = 0;
  const parser = new ByteStreamParser((bytes, isLast) => {
    parts++;
    if (bytes.length === 0 && !isLast) throw new Error('a part of nothing');
    open.push(bytes);
    if (!isLast) return;
    messages.push(Buffer.concat(open));
    open = [];
  });
  for (const chunk of chunks) parser.parse(chunk);
  return { messages, rest: Buffer.concat(open), parts, unfinished: parser.unfinished };
}

const [first, second] = [seededBytes(1, 0, 9), seededBytes(2, 0, 5)];
const stream = onWire([first, second]);

describe('messages behind their lengths', () => {
  it('are the same wherever the stream is cut in two', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const { messages, unfinished } = parseAll([stream.subarray(0, cut), stream.subarray(cut)]);
      expect(messages, `cut at ${cut}`).toEqual([first, second]);
      expect(unfinished, `cut at ${cut}`).toBeUndefined();
    }
  });

  it('are the same byte by byte, and a byte of a message is handed out as it comes', () => {
    const { messages, parts } = parseAll(Array.from(stream, (byte) => Uint8Array.of(byte)));
    expect(messages).toEqual([first, second]);
    expect(parts).toBe(first.length + second.length);
  });

  it('are parts of the chunk that they came in, not copies', () => {
    const received: Uint8Array[] = [];
    new ByteStreamParser((bytes) => received.push(bytes)).parse(stream);
    expect(received.map(({ buffer }) => buffer)).toEqual([stream.buffer, stream.buffer]);
  });

  it('know what they break off, at every byte', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const secondStart = PREFACE_TEXT.length + 4 + first.length;
      const isBetween = [PREFACE_TEXT.length, secondStart, stream.length].includes(cut);
      const expected = cut < PREFACE_TEXT.length ? 'the trunkline.1 in front' : isBetween ? undefined : 'a message';
      expect(parseAll([stream.subarray(0, cut)]).unfinished, `cut at ${cut}`).toBe(expected);
    }
  });

  it('hands out an empty one, which is for the decoder to refuse', () => {
    expect(parseAll([onWire([Buffer.alloc(0), first])]).messages).toEqual([Buffer.alloc(0), first]);
  });

  it('stores nothing for a length of four gigabytes', () => {
    const { messages, rest, unfinished } = parseAll([onWire([]), Buffer.from('ffffffff', 'hex'), first]);
    expect({ messages, rest, unfinished }).toEqual({ messages: [], rest: first, unfinished: 'a message' });
  });

  it('are what was sent, however they are cut', () => {
    announce('messages on a byte stream', PROPERTY_RUNS);
    const messages = fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 8 });
    const cuts = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 });
    holds(
      fc.property(messages, cuts, (sent, sizes) => {
        const bytes = onWire(sent);
        const chunks: Buffer[] = [];
        for (let at = 0, index = 0; at < bytes.length; index++) {
          const size = sizes[index % sizes.length]!;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        const parsed = parseAll(chunks);
        expect(parsed.unfinished).toBeUndefined();
        expect(parsed.messages).toEqual(sent.map((message) => Buffer.from(message)));
      }),
    );
  });
});

describe('a stranger', () => {
  const refusal = (...chunks: string[]): unknown => {
    try {
      parseAll(chunks.map((text) => Buffer.from(text, 'latin1')));
    } catch (error) {
      return error;
    }
    return undefined;
  };

  it.each([
    ['HTTP/1.1 400 Bad Request\r\n', '"HTTP/1.1 400 Bad Request\\r\\n"'],
    ['trunkline.2\n', '"trunkline.2\\n"'],
    ['trunkline.1\r\n', '"trunkline.1\\r\\n"'],
    ['\x16\x03\x01', '"\\u0016\\u0003\\u0001"'],
  ])('that says %j is quoted', (said, quoted) => {
    expect(refusal(said)).toMatchObject({
      code: 'CONNECTION_LOST',
      message: `the other side speaks no trunkline.1: it began with ${quoted}`,
    });
  });

  it('is found out at its first wrong byte, whatever has come before in other chunks', () => {
    expect(refusal('trunk', 'ated')).toMatchObject({ message: expect.stringContaining('"trunkated"') });
    expect(refusal('trunk', 'line.1')).toBeUndefined();
  });

  it('is not quoted at length', () => {
    const { message } = refusal('x'.repeat(100_000)) as Error;
    expect(message.length).toBeLessThan(200);
  });
});
