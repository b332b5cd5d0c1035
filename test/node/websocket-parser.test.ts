import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/node/websocket-frames.js';
import { WebSocketBreach } from '../../src/node/websocket-parser.js';
import { announce, FUZZ_RUNS, PROPERTY_RUNS, PROPERTY_SEED } from '../property/settings.js';
import { SeededRandom } from '../support/seeded-random.js';
import { holds } from './holds.js';
import { HeardParser } from './parser-fixture.js';
import { wsFrame } from './ws-internals.js';

/** What a peer sends. A message is one frame for each of its payloads, with control frames in between. */
type Item = DataItem | ControlItem;

interface DataItem {
  kind: 'message' | 'text';
  payloads: Uint8Array[];
  between: Uint8Array[];
}

interface ControlItem {
  kind: 'ping' | 'pong';
  payload: Uint8Array;
}

const payload = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 2, arbitrary: fc.uint8Array({ minLength: 120, maxLength: 130 }) },
  { weight: 2, arbitrary: fc.constant(new Uint8Array(0)) },
  { weight: 1, arbitrary: fc.integer({ min: 65_530, max: 65_545 }).map((size) => Buffer.alloc(size, size)) },
);
const control = fc.uint8Array({ maxLength: 125 });
const item: fc.Arbitrary<Item> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('message' as const, 'message' as const, 'text' as const),
      payloads: fc.array(payload, { minLength: 1, maxLength: 4 }),
      between: fc.array(control, { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('ping' as const, 'pong' as const), payload: control }) },
);

function encode(item: Item, mask: boolean): Buffer[] {
  if ('payload' in item) return [wsFrame(Opcode[item.kind], item.payload, mask)];
  const { kind, payloads, between } = item;
  return payloads.flatMap((bytes, index) => {
    const opcode = index > 0 ? Opcode.continuation : kind === 'text' ? Opcode.text : Opcode.binary;
    const frames = [wsFrame(opcode, bytes, mask, index === payloads.length - 1)];
    const ping = between[index];
    if (ping !== undefined && index < payloads.length - 1) frames.push(wsFrame(Opcode.ping, ping, mask));
    return frames;
  });
}

/** What of it has to be told. */
function expected(items: readonly Item[]): { told: string[]; messages: Buffer[]; idleFrames: number } {
  const told: string[] = [];
  const messages: Buffer[] = [];
  let idleFrames = 0;
  for (const item of items) {
    idleFrames += idleFramesOf(item);
    if ('payload' in item) {
      if (item.kind === 'ping') told.push(`ping ${Buffer.from(item.payload).toString('hex')}`);
      continue;
    }
    if (item.kind === 'text') told.push('text');
    for (const ping of item.between.slice(0, item.payloads.length - 1))
      told.push(`ping ${Buffer.from(ping).toString('hex')}`);
    if (item.kind === 'message') told.push(`message ${messages.push(Buffer.concat(item.payloads)) - 1}`);
  }
  return { told, messages, idleFrames };
}

/** Fragments without payload, unless all that such a one does is to end a message that had some. */
function idleFramesOf(item: Item): number {
  if ('payload' in item) return 1;
  const { payloads, between } = item;
  const pings = between.slice(0, payloads.length - 1).length;
  const empty = payloads.filter(({ length }) => length === 0).length;
  const endsWithNothing = payloads.at(-1)!.length === 0 && empty < payloads.length;
  return pings + empty - (endsWithNothing ? 1 : 0);
}

function feedInPieces(parser: HeardParser, bytes: Buffer, sizes: readonly number[]): void {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    parser.feed(bytes.subarray(at, at + size));
    at += size;
  }
}

announce('WebSocket parser', PROPERTY_RUNS);

describe.each([true, false])('what ws writes, masked: %s', (mask) => {
  it('is told in order, however it is cut and fragmented', () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5000 })), {
      minLength: 1,
      maxLength: 10,
    });
    holds(
      fc.property(fc.array(item, { maxLength: 8 }), sizes, (items, pieceSizes) => {
        const parser = new HeardParser(mask);
        feedInPieces(parser, Buffer.concat(items.flatMap((one) => encode(one, mask))), pieceSizes);
        const { told, messages, idleFrames } = expected(items);
        expect(parser.told).toEqual(told);
        expect(parser.idleFrames).toBe(idleFrames);
        expect(parser.messages.length).toBe(messages.length);
        for (const [index, message] of messages.entries()) expect(parser.messages[index]!.equals(message)).toBe(true);
        expect(parser.partialBytes).toBe(0);
      }),
    );
  });

  it('is told before the frame is complete', () => {
    const parser = new HeardParser(mask);
    const frame = wsFrame(Opcode.binary, Buffer.alloc(100_000, 5), mask);
    parser.feed(frame.subarray(0, 50_000));
    expect(parser.partialBytes).toBe(50_000 - (frame.length - 100_000));
    expect(parser.messages).toEqual([]);
    parser.feed(frame.subarray(50_000));
    expect(parser.messages).toEqual([Buffer.alloc(100_000, 5)]);
  });

  it('ends once with an empty last fragment, and an empty message is one', () => {
    const parser = new HeardParser(mask);
    parser.feed(wsFrame(Opcode.binary, Buffer.from('ab'), mask, false));
    parser.feed(wsFrame(Opcode.continuation, Buffer.alloc(0), mask, false));
    parser.feed(wsFrame(Opcode.continuation, Buffer.alloc(0), mask));
    parser.feed(wsFrame(Opcode.binary, Buffer.alloc(0), mask));
    expect(parser.messages.map(String)).toEqual(['ab', '']);
  });

  it('tells of a text message as it begins, and nothing of its payload', () => {
    const parser = new HeardParser(mask);
    parser.feed(wsFrame(Opcode.text, Buffer.from('hel'), mask, false).subarray(0, -1));
    expect(parser.told).toEqual(['text']);
  });

  it.each([
    [1000, 'done'],
    [1014, ''],
    [3000, 'é'.repeat(61)],
    [4999, '💥'],
  ])('tells of close %i, and hears nothing after it', (code, reason) => {
    const parser = new HeardParser(mask);
    const body = Buffer.concat([Buffer.of(code >> 8, code & 255), Buffer.from(reason)]);
    const after = Buffer.concat([wsFrame(Opcode.binary, Buffer.from('late'), mask), Buffer.alloc(20, 0xff)]);
    parser.feed(Buffer.concat([wsFrame(Opcode.close, body, mask), after]));
    parser.feed(after);
    expect(parser.told).toEqual([`close ${code} ${reason}`]);
  });

  it('tells of a close without a code as 1005', () => {
    const parser = new HeardParser(mask);
    parser.feed(wsFrame(Opcode.close, Buffer.alloc(0), mask));
    expect(parser.told).toEqual(['close 1005 ']);
  });
});

it('is changed in its own bytes only, where it is masked', () => {
  const memory = Buffer.concat([
    Buffer.alloc(9, 0x11),
    wsFrame(Opcode.binary, Buffer.alloc(200, 1), true),
    Buffer.alloc(9, 0x22),
  ]);
  new HeardParser(true).parser.parse(memory.subarray(9, -9));
  expect([...memory.subarray(0, 9), ...memory.subarray(-9)]).toEqual([...Array(9).fill(0x11), ...Array(9).fill(0x22)]);
});

/** Bytes that look like frames often enough to get deep. */
function anyBytes(random: SeededRandom, mask: boolean): Buffer {
  const frames: Buffer[] = [];
  for (let count = random.integer(1, 6); count > 0; count--) {
    const opcode = random.chance(0.9) ? random.pick([0, 1, 2, 2, 2, 8, 9, 10]) : random.integer(0, 15);
    const frame = wsFrame(
      opcode,
      Buffer.alloc(random.integer(0, 140), random.integer(0, 255)),
      mask,
      random.chance(0.7),
    );
    if (random.chance(0.2)) frame[random.integer(0, frame.length - 1)] = random.integer(0, 255);
    frames.push(random.chance(0.05) ? Buffer.from(Array.from({ length: 12 }, () => random.integer(0, 255))) : frame);
  }
  return Buffer.concat(frames);
}

it('random bytes cause nothing but a WebSocketBreach, and nothing is told after it', () => {
  const random = new SeededRandom(PROPERTY_SEED);
  const runs = Math.ceil(FUZZ_RUNS / 4);
  announce('WebSocket parser, random bytes', runs);
  let breaches = 0;
  for (let run = 0; run < runs; run++) {
    const mask = random.chance(0.5);
    const parser = new HeardParser(mask);
    let toldAtBreach: number | undefined;
    for (let count = 0; count < 4; count++) {
      try {
        feedInPieces(parser, anyBytes(random, mask), [random.integer(1, 200)]);
      } catch (error) {
        if (!(error instanceof WebSocketBreach)) throw error;
        expect([1002, 1007, 1009]).toContain(error.closeCode);
        toldAtBreach ??= parser.told.length;
        breaches++;
      }
    }
    if (toldAtBreach !== undefined) expect(parser.told.length).toBe(toldAtBreach);
  }
  expect(breaches).toBeGreaterThan(runs / 10);
});
