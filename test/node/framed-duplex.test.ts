import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { FramedWebSocket } from '../../src/node/framed-websocket.js';
import { Opcode } from '../../src/node/websocket-frames.js';
import { wireMemory } from '../../src/node/wire-memory.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { Told } from './framed-fixture.js';
import { HeldSocket } from './held-socket.js';
import { Receiver, wsFrame } from './ws-internals.js';

const HIGH_WATER_BYTES = 128 * 1024;
const ROLES = ['client', 'server'] as const;

function start(role: 'client' | 'server', isHeld = true) {
  const socket = new HeldSocket(isHeld);
  const told = new Told();
  const connection = new FramedWebSocket({ socket: socket.asSocket, head: Buffer.alloc(0) }, { role });
  connection.start(told);
  return { socket, told, connection };
}

/** What a peer reads of it. */
async function readBy(role: 'client' | 'server', bytes: Uint8Array, count: number): Promise<Buffer[]> {
  const receiver = new Receiver({ isServer: role === 'client' });
  const messages: Buffer[] = [];
  receiver.on('message', (message: Buffer) => messages.push(message));
  receiver.on('error', () => {});
  receiver.write(bytes);
  await until(() => messages.length === count, `${count} messages`);
  return messages;
}

describe.each(ROLES)("a %s on an application's own Duplex", (role) => {
  it('is writable again after it was not', async () => {
    const { socket, told, connection } = start(role);
    expect(told.writables).toBe(1);
    connection.send([Buffer.alloc(HIGH_WATER_BYTES)]);
    expect(connection.isWritable).toBe(false);
    socket.release();
    await until(() => told.writables === 2, 'writable');
    expect(connection.isWritable).toBe(true);
  });

  it('is writable again, too, where an answer to a ping was what filled it', async () => {
    const { socket, told, connection } = start(role);
    connection.send([Buffer.alloc(HIGH_WATER_BYTES - 100)]);
    expect(connection.isWritable).toBe(true);
    socket.push(wsFrame(Opcode.ping, Buffer.alloc(125), role === 'server'));
    await until(() => !connection.isWritable, 'the answer');
    socket.release();
    await until(() => connection.isWritable, 'room');
    await until(() => told.writables === 2, 'that it says so');
  });

  it('never says that it is writable after it has closed', async () => {
    const { socket, told, connection } = start(role);
    connection.send([Buffer.alloc(HIGH_WATER_BYTES)]);
    connection.close(true, '');
    socket.release();
    await until(() => socket.writableLength === 0, 'that all has left');
    expect([told.writables, connection.isWritable]).toEqual([1, false]);
    connection.terminate();
    await once(socket, 'close');
    expect([told.ends.length, told.breaches]).toEqual([1, []]);
  });

  it('does not write a second message into the memory of one that its socket has handed on', async () => {
    // As every pair of streams in memory does: what was written lies with the other end, which has yet to read it.
    const { socket, connection } = start(role, false);
    for (let count = 0; count < 10; count++) {
      connection.send([seededBytes(count, 0, 20_000)]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const messages = await readBy(role, Buffer.concat(socket.written), 10);
    for (const [index, message] of messages.entries()) expect(message.equals(seededBytes(index, 0, 20_000))).toBe(true);
  });

  it('is closed by what its socket is closed by', async () => {
    const { socket, told } = start(role);
    socket.destroy(new Error('made up'));
    await until(() => told.ends.length > 0, 'closed');
    expect(told.ends[0]!.message).toBe('the WebSocket closed with 1006: made up');
  });
});

it('an error before a connection is started is none of the process, and ends it afterwards', async () => {
  const socket = new HeldSocket();
  const told = new Told();
  const connection = new FramedWebSocket({ socket: socket.asSocket, head: Buffer.alloc(0) }, { role: 'server' });
  socket.destroy(new Error('made up'));
  connection.start(told);
  await until(() => told.ends.length > 0, 'closed');
  expect(told.ends[0]!.message).toBe('the WebSocket closed with 1006: made up');
});

it('what came behind the handshake is let go of once it has been read', async () => {
  const socket = new HeldSocket(false);
  let received = 0;
  const start = (): { connection: FramedWebSocket; head: WeakRef<Buffer> } => {
    const head = Buffer.concat([wsFrame(Opcode.binary, Buffer.alloc(50_000), true)]);
    const connection = new FramedWebSocket({ socket: socket.asSocket, head }, { role: 'server' });
    const count = (bytes: Uint8Array): void => {
      received += bytes.length;
    };
    connection.start({ writable: () => {}, received: count, text: () => {}, closed: () => {} });
    return { connection, head: new WeakRef(head) };
  };
  const { connection, head } = start();
  await until(() => received === 50_000, 'the message');
  await until(() => {
    globalThis.gc!();
    return head.deref() === undefined;
  }, 'a collection of the head');
  expect(connection.isWritable).toBe(true);
});

describe('memory on its way to a socket', () => {
  it('is not taken again before the write is done', async () => {
    const { socket, connection } = start('client');
    for (let count = 0; count < 5; count++) connection.send([seededBytes(count, 0, 40_000)]);
    const taken = Array.from({ length: 30 }, () => wireMemory.take(40_000));
    // Only the first has been handed to the socket; whoever has memory now may write to it.
    for (const memory of taken) memory.fill(0xff);
    socket.release();
    await until(() => socket.writableLength === 0, 'that all has left');
    const messages = await readBy('client', Buffer.concat(socket.written.map((chunk) => Buffer.from(chunk))), 5);
    for (const [index, message] of messages.entries()) expect(message.equals(seededBytes(index, 0, 40_000))).toBe(true);
    for (const memory of taken) wireMemory.give(memory);
  });

  it('is taken once at a time, however often it was given', () => {
    const sizes = [8 * 1024, 40_000, 101 * 1024];
    const memories = Array.from({ length: 40 }, (_, index) => wireMemory.take(sizes[index % 3]!));
    expect(new Set(memories).size).toBe(40);
    for (const [index, memory] of memories.entries()) expect(memory.length).toBeGreaterThanOrEqual(sizes[index % 3]!);
    for (const memory of memories) wireMemory.give(memory);
    const again = Array.from({ length: 40 }, () => wireMemory.take(8 * 1024));
    expect(new Set(again.map(({ buffer }) => buffer)).size).toBe(40);
    expect(again.filter((memory) => memories.includes(memory)).length).toBeGreaterThan(0);
    for (const memory of again) wireMemory.give(memory);
  });

  it('that is larger or smaller than what is kept is not kept', () => {
    for (const bytes of [0, 100, 8 * 1024 - 1, 101 * 1024 + 1]) {
      const memory = wireMemory.take(bytes);
      expect(memory.length).toBe(bytes);
      wireMemory.give(memory);
      expect(wireMemory.take(8 * 1024)).not.toBe(memory);
    }
  });
});
