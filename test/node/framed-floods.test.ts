import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/node/websocket-frames.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { until } from '../support/until.js';
import { closeAfterEach, closing, type Pair, ROLES } from './framed-fixture.js';
import { wsFrame } from './ws-internals.js';

checkLeaksAfterEach();
closeAfterEach();

const BURST = 20;
/** Time brings nothing back, as far as a test goes. */
const idleFrames = { perSecond: 1e-6, burst: BURST };
const DEFAULT_BURST = 1000;
const TOO_MANY = 'too many frames that carry nothing';

describe.each(ROLES)('a $role whose peer floods', ({ openPair, peerMasks }) => {
  const frame = (opcode: number, text = '', fin = true): Buffer => wsFrame(opcode, Buffer.from(text), peerMasks, fin);
  const repeated = (bytes: Buffer, count: number): Buffer => Buffer.concat(Array<Buffer>(count).fill(bytes));
  const message = frame(Opcode.binary, 'a message');

  /** What goes before, what the flood is made of, and what makes a message of it. */
  const floods: [string, Buffer, Buffer, Buffer][] = [
    ['pings', Buffer.alloc(0), frame(Opcode.ping, 'x'.repeat(125)), message],
    ['pings without payload', Buffer.alloc(0), frame(Opcode.ping), message],
    ['pongs that nobody asked for', Buffer.alloc(0), frame(Opcode.pong, 'x'), message],
    [
      'fragments without payload',
      frame(Opcode.binary, 'a ', false),
      frame(Opcode.continuation, '', false),
      frame(Opcode.continuation, 'message'),
    ],
    ['messages without payload', Buffer.alloc(0), frame(Opcode.binary), message],
    ['text messages', Buffer.alloc(0), frame(Opcode.text, 'x'), message],
  ];

  /** Until then it did what it may. */
  async function messageOf({ told }: Pair): Promise<void> {
    await until(() => told.messages.some(({ length }) => length > 0), 'the message');
    expect(told.messages.at(-1)!.toString()).toBe('a message');
    expect(told.ends).toEqual([]);
  }

  it.each(floods)('with %s is told that they are too many, and closed with 1008', async (_, before, idle, after) => {
    const pair = await openPair({ ws: { idleFrames } });
    pair.peerSocket.write(Buffer.concat([before, repeated(idle, BURST), after]));
    await messageOf(pair);
    pair.peerSocket.write(Buffer.concat([before, idle, message]));
    expect(await closing(pair)).toEqual({
      code: 1008,
      reason: TOO_MANY,
      told: `the WebSocket closed with 1006: ${TOO_MANY}`,
    });
    expect(pair.told.ends.map(({ code }) => code)).toEqual(['CONNECTION_LOST']);
    expect(pair.told.messages.filter(({ length }) => length > 0).length).toBe(1);
    expect(pair.told.breaches).toEqual([]);
  });

  it.each(floods)('with %s may so many at once, if it is not told otherwise', async (_, before, idle, after) => {
    const pair = await openPair({ peer: { maxPendingAutoPongs: 0 } });
    pair.peerSocket.write(Buffer.concat([before, repeated(idle, DEFAULT_BURST), after]));
    await messageOf(pair);
    // Time brings a hundred back every second.
    pair.peerSocket.write(Buffer.concat([before, repeated(idle, 20 * DEFAULT_BURST)]));
    expect((await closing(pair)).told).toContain(TOO_MANY);
  });

  it('has its pings answered up to there', async () => {
    const { peer, peerSocket } = await openPair({ ws: { idleFrames } });
    let pongs = 0;
    peer.on('pong', () => pongs++);
    const ended = once(peer, 'close');
    peerSocket.write(repeated(frame(Opcode.ping, 'x'), 10 * BURST));
    await ended;
    expect(pongs).toBe(BURST);
  });

  it('is not what ends each of its messages with an empty fragment', async () => {
    const pair = await openPair({ ws: { idleFrames } });
    const inFragments = Buffer.concat([frame(Opcode.binary, 'x', false), frame(Opcode.continuation)]);
    pair.peerSocket.write(repeated(inFragments, 10 * BURST));
    await until(() => pair.told.messages.length === 10 * BURST, 'all messages');
    expect(pair.told.ends).toEqual([]);
  });

  it('is not what pings again once time has brought it back', async () => {
    const { peer, told } = await openPair({ ws: { idleFrames: { perSecond: 1000, burst: 1 } } });
    for (let count = 0; count < 5; count++) {
      const answered = once(peer, 'pong');
      peer.ping();
      await answered;
      const at = performance.now();
      await until(() => performance.now() > at + 2, 'more than a millisecond to pass');
    }
    expect(told.ends).toEqual([]);
  });
});
