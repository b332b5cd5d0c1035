import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/node/websocket-frames.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { until } from '../support/until.js';
import { closeAfterEach, closing, type Pair, ROLES } from './framed-fixture.js';
import { wsFrame } from './ws-internals.js';

checkLeaksAfterEach();
closeAfterEach();

const TURNS = 20;

async function someTurns(): Promise<void> {
  for (let count = 0; count < TURNS; count++) await new Promise((resolve) => setImmediate(resolve));
}

describe.each(ROLES)('a $role whose peer breaks RFC 6455', ({ openPair, peerMasks }) => {
  const binary = (text: string): Buffer => wsFrame(Opcode.binary, Buffer.from(text), peerMasks);
  const breaches: [string, number, Buffer][] = [
    ['by reserved bits', 1002, Buffer.of(0xf2, peerMasks ? 0x80 : 0)],
    ['by its masking', 1002, wsFrame(Opcode.binary, Buffer.from('no'), !peerMasks)],
    ['by a close code', 1002, wsFrame(Opcode.close, Buffer.of(0, 1), peerMasks)],
    ['by a close reason', 1007, wsFrame(Opcode.close, Buffer.of(3, 232, 0xff), peerMasks)],
    ['by a length', 1009, Buffer.concat([Buffer.of(0x82, (peerMasks ? 0x80 : 0) | 127), Buffer.alloc(12, 0x7f)])],
  ];

  it.each(breaches)('%s says so to it, after what was sent, and is closed', async (_, code, bytes) => {
    const pair = await openPair();
    const received: string[] = [];
    pair.peer.on('message', (message: Buffer) => received.push(message.toString()));
    pair.connection.send([Buffer.from('before')]);
    pair.peerSocket.write(Buffer.concat([binary('heard'), bytes]));
    const end = await closing(pair);
    expect(end.code).toBe(code);
    expect(end.reason).not.toBe('');
    expect(end.told).toBe(`the WebSocket closed with 1006: ${end.reason}`);
    expect(received).toEqual(['before']);
    expect(pair.told.messages.map(String)).toEqual(['heard']);
    expect(pair.told.ends.length).toBe(1);
  });

  it.each(breaches)('%s is not heard any more while the end is under way', async (_, _code, bytes) => {
    const pair = await openPair();
    // Much waits for the peer, so that the socket lives on for a while.
    pair.peer.pause();
    for (let count = 0; count < 100; count++) pair.connection.send([Buffer.alloc(64 * 1024)]);
    pair.peerSocket.write(bytes);
    await until(() => !pair.connection.isWritable && pair.socket.writableEnded, 'that the breach was noticed');
    for (let count = 0; count < 5; count++) {
      pair.peerSocket.write(Buffer.concat([Buffer.alloc(peerMasks ? 4 : 0), binary('late'), binary('late')]));
      await someTurns();
    }
    expect(pair.told.messages).toEqual([]);
    expect(pair.told.partialBytes).toBe(0);
    expect(pair.told.texts).toBe(0);
    pair.connection.terminate();
    await until(() => pair.told.ends.length > 0, 'closed');
  });

  it('and sends on learns why it was closed', async () => {
    const pair = await openPair();
    pair.peerSocket.write(Buffer.concat([breaches[0]![2], Buffer.alloc(512 * 1024)]));
    expect(await closing(pair)).toMatchObject({ code: 1002 });
  });
});

describe.each(ROLES)('a $role whose handlers throw', ({ openPair }) => {
  it('closes with 1011, and hears nothing any more', async () => {
    const pair = await openPair();
    pair.peer.pause();
    for (let count = 0; count < 100; count++) pair.connection.send([Buffer.alloc(64 * 1024)]);
    let heard = 0;
    pair.told.onMessage = () => {
      heard++;
      throw new Error('a defect');
    };
    await messages(pair, 3);
    await until(() => pair.socket.writableEnded, 'that it was noticed');
    await messages(pair, 3);
    expect(heard).toBe(1);
    const end = await closing(pair);
    // What went wrong here is none of the peer's business.
    expect(end).toMatchObject({ code: 1011, reason: '' });
    expect(end.told).toBe('the WebSocket closed with 1006: a defect');
  });

  async function messages({ peer }: Pair, count: number): Promise<void> {
    for (let index = 0; index < count; index++) peer.send(Buffer.from(`message ${index}`));
    await someTurns();
  }
});
