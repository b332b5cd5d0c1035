import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/node/websocket-frames.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { closeAfterEach, ROLES } from './framed-fixture.js';
import { wsFrame } from './ws-internals.js';

checkLeaksAfterEach();
closeAfterEach();

const HIGH_WATER_BYTES = 128 * 1024;
const MAX_CONTROL_FRAME_BYTES = 2 + 4 + 125;
const UNLIMITED = { perSecond: 1, burst: Number.POSITIVE_INFINITY };

describe.each(ROLES)('a $role that is pinged', ({ openPair, peerMasks }) => {
  it.each([0, 1, 47, 48, 125])('answers with the same %i bytes', async (size) => {
    const { peer } = await openPair();
    const answered = once(peer, 'pong') as Promise<[Buffer]>;
    peer.ping(seededBytes(size, 0, size));
    expect((await answered)[0].equals(seededBytes(size, 0, size))).toBe(true);
  });

  it('answers while a message is still coming', async () => {
    const { peer, told } = await openPair();
    const answered = once(peer, 'pong') as Promise<[Buffer]>;
    peer.send(Buffer.from('half a '), { fin: false, binary: true });
    peer.ping('now?');
    expect((await answered)[0].toString()).toBe('now?');
    expect(told.messages).toEqual([]);
    peer.send(Buffer.from('message'), { fin: true, binary: true });
    await until(() => told.messages.length > 0, 'the message');
    expect(told.messages.map(String)).toEqual(['half a message']);
  });

  it('does not answer with `autoPong: false`, and pings are none of anybody else', async () => {
    const { peer, told, connection } = await openPair({ ws: { autoPong: false } });
    const pongs: Buffer[] = [];
    peer.on('pong', (payload) => pongs.push(payload));
    peer.ping('anybody?');
    peer.pong('unasked');
    peer.send(Buffer.from('behind the ping'));
    await until(() => told.messages.length > 0, 'the message');
    const message = once(peer, 'message');
    connection.send([Buffer.from('behind where a pong would be')]);
    await message;
    expect(pongs).toEqual([]);
    expect([told.messages.map(String), told.texts]).toEqual([['behind the ping'], 0]);
  });

  it('does not answer once it has closed, though the peer asks before it has heard of it', async () => {
    const { peer, told, connection } = await openPair();
    const pongs: Buffer[] = [];
    peer.on('pong', (payload) => pongs.push(payload));
    connection.close(true, '');
    peer.ping('still there?');
    await until(() => told.ends.length > 0, 'closed');
    expect(pongs).toEqual([]);
    expect(told.ends[0]!.message).toBe('the WebSocket closed with 1000');
  });

  it('without end, by a peer that does not read, keeps no more than it would of messages, and goes on', async () => {
    const { peer, peerSocket, socket, told, connection } = await openPair({
      ws: { idleFrames: UNLIMITED },
      peer: { maxPendingAutoPongs: 0 },
    });
    peer.pause();
    const flood = Buffer.concat(Array(8).fill(wsFrame(Opcode.ping, Buffer.alloc(125, 7), peerMasks)));
    let highest = 0;
    // Far more than kernels take of the answers.
    const FLOODS = 30_000;
    for (let count = 0; count < FLOODS; count++) {
      if (!peerSocket.write(flood)) await once(peerSocket, 'drain');
      highest = Math.max(highest, socket.writableLength);
    }
    peerSocket.write(wsFrame(Opcode.binary, Buffer.from('that was all'), peerMasks));
    await until(() => told.messages.length > 0, 'the message behind the pings');
    highest = Math.max(highest, socket.writableLength);
    expect(highest).toBeGreaterThan(HIGH_WATER_BYTES / 2);
    expect(highest).toBeLessThan(HIGH_WATER_BYTES + MAX_CONTROL_FRAME_BYTES);
    peer.resume();
    await until(() => connection.isWritable, 'room');
    const message = once(peer, 'message') as Promise<[Buffer]>;
    connection.send([Buffer.from('still here')]);
    expect((await message)[0].toString()).toBe('still here');
  });
});
