import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/node/websocket-frames.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { closeAfterEach, closing, type Pair, ROLES } from './framed-fixture.js';
import { wsFrame } from './ws-internals.js';

checkLeaksAfterEach();
closeAfterEach();

const WITHOUT_CLOSE_FRAME = 'the WebSocket closed with 1006';

/** Closed, once, and all handles of it with it. */
async function lost({ told, socket }: Pair): Promise<string> {
  await until(() => told.ends.length > 0 && socket.destroyed, 'closed');
  await new Promise((resolve) => setImmediate(resolve));
  expect(told.ends.length).toBe(1);
  expect(told.ends[0]!.code).toBe('CONNECTION_LOST');
  expect(told.breaches).toEqual([]);
  return told.ends[0]!.message;
}

describe.each(ROLES)('a $role that closes', ({ openPair }) => {
  it.each([
    [true, 'done', 1000, 'done'],
    [false, 'went wrong', 4000, 'went wrong'],
    [true, '', 1000, ''],
    [false, 'é'.repeat(100), 4000, 'é'.repeat(61)],
  ])('in order: %s, because of "%s"', async (orderly, said, code, reason) => {
    const pair = await openPair();
    pair.connection.close(orderly, said);
    expect(await closing(pair)).toMatchObject({ code, reason });
    // The peer's answer is what it was closed with.
    expect(await lost(pair)).toBe(`the WebSocket closed with ${code}${reason === '' ? '' : `: ${reason}`}`);
  });

  it('does so after everything that was sent', async () => {
    const pair = await openPair();
    const received: Buffer[] = [];
    pair.peer.on('message', (message: Buffer) => received.push(message));
    pair.peer.pause();
    for (let count = 0; count < 100; count++) pair.connection.send([seededBytes(count, 0, 64 * 1024)]);
    pair.connection.close(true, 'after them');
    expect(await closing(pair)).toMatchObject({ code: 1000, reason: 'after them' });
    expect(received.length).toBe(100);
    for (const [index, message] of received.entries())
      expect(message.equals(seededBytes(index, 0, 64 * 1024))).toBe(true);
  });

  it('hears what the peer sent before it closed as well', async () => {
    const pair = await openPair();
    pair.connection.close(true, '');
    pair.peer.send(Buffer.from('meanwhile'));
    await closing(pair);
    expect(pair.told.messages.map(String)).toEqual(['meanwhile']);
  });

  it('at the same time as the peer does', async () => {
    const pair = await openPair();
    pair.connection.close(true, 'ours');
    pair.peer.close(3001, 'theirs');
    expect(await closing(pair)).toEqual({ code: 1000, reason: 'ours', told: 'the WebSocket closed with 3001: theirs' });
  });

  it('by terminating: at once, and in the middle of much that waits', async () => {
    const pair = await openPair();
    pair.peer.pause();
    for (let count = 0; count < 100; count++) pair.connection.send([Buffer.alloc(64 * 1024)]);
    pair.connection.terminate();
    pair.connection.terminate();
    expect(await lost(pair)).toBe(WITHOUT_CLOSE_FRAME);
    expect((await closing(pair)).code).toBe(1006);
  });

  it('while it is told of a message, and lets nobody hear of more than had come', async () => {
    const pair = await openPair();
    pair.told.onMessage = () => pair.connection.terminate();
    pair.peer.send(Buffer.from('enough'));
    expect(await lost(pair)).toBe(WITHOUT_CLOSE_FRAME);
  });
});

describe.each(ROLES)('a $role whose peer', ({ openPair, peerMasks }) => {
  it.each([
    [1000, 'done'],
    [1001, ''],
    [1011, 'went wrong'],
    [4999, '💥'.repeat(30)],
  ])('closes with %i "%s" answers with the same code', async (code, reason) => {
    const pair = await openPair();
    pair.peer.close(code, reason);
    const detail = reason === '' ? '' : `: ${reason}`;
    expect(await closing(pair)).toEqual({ code, reason: '', told: `the WebSocket closed with ${code}${detail}` });
    await lost(pair);
  });

  it('closes without a code answers without one', async () => {
    const pair = await openPair();
    pair.peer.close();
    expect(await closing(pair)).toEqual({ code: 1005, reason: '', told: 'the WebSocket closed with 1005' });
    await lost(pair);
  });

  it('closes hears everything that was sent before', async () => {
    const pair = await openPair();
    const received: Buffer[] = [];
    pair.peer.on('message', (message: Buffer) => received.push(message));
    pair.peer.pause();
    for (let count = 0; count < 50; count++) pair.connection.send([seededBytes(count, 0, 64 * 1024)]);
    pair.peer.close(1000, 'enough');
    expect((await closing(pair)).code).toBe(1000);
    expect(received.length).toBe(50);
    for (const [index, message] of received.entries())
      expect(message.equals(seededBytes(index, 0, 64 * 1024))).toBe(true);
  });

  const vanishings: [string, (pair: Pair) => unknown][] = [
    ['ends its socket without a close frame', ({ peerSocket }) => peerSocket.end()],
    ['destroys its socket', ({ peerSocket }) => peerSocket.destroy()],
    ['resets its socket', ({ peerSocket }) => peerSocket.resetAndDestroy()],
  ];

  it.each(vanishings)('%s is lost', async (_, vanish) => {
    const pair = await openPair();
    vanish(pair);
    expect(await lost(pair)).toContain(WITHOUT_CLOSE_FRAME);
  });

  it.each(vanishings)('%s in the middle of a frame is lost', async (_, vanish) => {
    const pair = await openPair();
    pair.peerSocket.write(wsFrame(Opcode.binary, Buffer.alloc(1000), peerMasks).subarray(0, 500));
    await until(() => pair.told.partialBytes > 0, 'part of the message');
    vanish(pair);
    expect(await lost(pair)).toContain(WITHOUT_CLOSE_FRAME);
    expect(pair.told.messages).toEqual([]);
  });

  it.each(vanishings.slice(1))('%s while much waits for it is lost', async (_, vanish) => {
    const pair = await openPair();
    pair.peer.pause();
    for (let count = 0; count < 100; count++) pair.connection.send([Buffer.alloc(64 * 1024)]);
    vanish(pair);
    expect(await lost(pair)).toContain(WITHOUT_CLOSE_FRAME);
  });

  it.each(vanishings)('%s while we close is lost', async (_, vanish) => {
    const pair = await openPair();
    pair.peer.pause();
    for (let count = 0; count < 10; count++) pair.connection.send([Buffer.alloc(1024)]);
    pair.connection.close(true, '');
    vanish(pair);
    await lost(pair);
  });
});

describe.each(ROLES)("an error of a $role's socket", ({ openPair }) => {
  const moments: [string, (pair: Pair) => unknown][] = [
    ['before anything else', () => {}],
    ['after a message', ({ connection }) => connection.send([Buffer.from('hello')])],
    ['after it closed', ({ connection }) => connection.close(true, '')],
    [
      'after its peer closed',
      async ({ peer, peerSocket }) => {
        peer.close(1000);
        await once(peerSocket, 'end');
      },
    ],
    ['after a breach', ({ peerSocket }) => peerSocket.write(Buffer.alloc(20, 0xff))],
    ['after it was terminated', ({ connection }) => connection.terminate()],
  ];

  it.each(moments)('is none of the process: %s', async (_, reach) => {
    const pair = await openPair();
    await reach(pair);
    pair.socket.emit('error', new Error('made up'));
    pair.socket.destroy(new Error('made up, too'));
    await lost(pair);
    pair.socket.emit('error', new Error('made up, and late'));
  });

  it('is the cause of its end', async () => {
    const pair = await openPair();
    pair.socket.destroy(new Error('made up'));
    expect(await lost(pair)).toBe(`${WITHOUT_CLOSE_FRAME}: made up`);
    expect(pair.told.ends[0]!.cause).toMatchObject({ message: 'made up' });
  });
});
