import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { wireMemory } from '../../src/node/wire-memory.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { SeededRandom } from '../support/seeded-random.js';
import { until } from '../support/until.js';
import { closeAfterEach, type Pair, ROLES } from './framed-fixture.js';

checkLeaksAfterEach();
closeAfterEach();

const KIB = 1024;
/** What waits in a connection at most before it says that it is not writable. */
const HIGH_WATER_BYTES = 128 * KIB;
const BOUNDS = [0, 1, 31, 47, 125, 126, 127, 4096, 4097, 8192, 65_535, 65_536, 85 * KIB - 14, 85 * KIB, 85 * KIB + 1];

function sizes(seed: number): number[] {
  const random = new SeededRandom(seed);
  return [...BOUNDS, ...Array.from({ length: 40 }, () => random.integer(0, random.chance(0.5) ? 300 * KIB : 200))];
}

/** In several pieces, some of them empty, some of them no Buffers. */
function inParts(bytes: Buffer, random: SeededRandom): Uint8Array[] {
  const cuts = Array.from({ length: random.integer(0, 4) }, () => random.integer(0, bytes.length)).sort(
    (a, b) => a - b,
  );
  return [0, ...cuts].map((start, index) => {
    const part = bytes.subarray(start, cuts[index] ?? bytes.length);
    return random.chance(0.5) ? part : new Uint8Array(part);
  });
}

function peerMessages({ peer }: Pair): Buffer[] {
  const messages: Buffer[] = [];
  peer.on('message', (message: Buffer) => messages.push(message));
  return messages;
}

describe.each(ROLES)('a $role', ({ openPair }) => {
  it('echoes messages of every size', async () => {
    const pair = await openPair();
    const random = new SeededRandom(2);
    pair.told.onMessage = (message) => pair.connection.send(inParts(message, random));
    const echoed = peerMessages(pair);
    const sent = sizes(1).map((size, index) => seededBytes(index, 0, size));
    for (const message of sent) pair.peer.send(message);
    await until(() => echoed.length === sent.length, 'all echoes');
    for (const [index, message] of sent.entries()) expect(echoed[index]!.equals(message)).toBe(true);
    // Held on to until now, and still what they were.
    for (const [index, message] of sent.entries()) expect(pair.told.messages[index]!.equals(message)).toBe(true);
    expect(pair.told.breaches).toEqual([]);
  });

  it('puts fragments together, with control frames in between', async () => {
    const { peer, told } = await openPair();
    const bytes = seededBytes(3, 0, 200_000);
    const bounds = [0, 1, 1, 100, 70_000, 150_000, 200_000, 200_000];
    for (const [index, start] of bounds.slice(0, -1).entries()) {
      peer.send(bytes.subarray(start, bounds[index + 1]), { fin: index === bounds.length - 2, binary: true });
      peer.ping('between');
    }
    await until(() => told.messages.length > 0, 'the message');
    expect(told.messages.length).toBe(1);
    expect(told.messages[0]!.equals(bytes)).toBe(true);
  });

  it('tells of text, and goes on', async () => {
    const { peer, told } = await openPair();
    peer.send('text');
    peer.send(Buffer.from('binary'));
    await until(() => told.messages.length > 0, 'the message');
    expect([told.texts, told.messages.map(String), told.partialBytes]).toEqual([1, ['binary'], 0]);
  });

  it('says when it is writable again, once for each time it was not, and loses nothing', async () => {
    const pair = await openPair();
    const { connection, told, peer, socket } = pair;
    const received = peerMessages(pair);
    peer.pause();
    let count = 0;
    const fill = (): void => {
      for (; connection.isWritable && count < 200; count++) connection.send([seededBytes(count, 0, 60_000 + count)]);
    };
    fill();
    expect(connection.isWritable).toBe(false);
    expect(count).toBeLessThan(200);
    const before = told.writables;
    expect(socket.writableLength).toBeLessThan(HIGH_WATER_BYTES + 60_300);
    told.onWritable = () => {
      expect(connection.isWritable).toBe(true);
      fill();
    };
    peer.resume();
    await until(() => received.length === 200, 'all messages');
    expect(told.writables).toBeGreaterThan(before);
    for (const [index, message] of received.entries())
      expect(message.equals(seededBytes(index, 0, 60_000 + index))).toBe(true);
    await until(() => connection.isWritable, 'room');
    expect(told.breaches).toEqual([]);
  });

  it('keeps what waits for a slow reader as it was, whatever is sent meanwhile', async () => {
    const [slow, quick] = [await openPair(), await openPair()];
    const [slowly, quickly] = [peerMessages(slow), peerMessages(quick)];
    slow.peer.pause();
    // Far more than the kernel takes: these wait in this process, while memory of the other connection comes and goes.
    for (let count = 0; count < 200; count++) {
      slow.connection.send([seededBytes(count, 0, 64 * KIB - count)]);
      quick.connection.send([seededBytes(1000 + count, 0, 64 * KIB - count)]);
      if (count % 10 === 0) await until(() => quick.connection.isWritable, 'room');
    }
    expect(slow.socket.writableLength).toBeGreaterThan(HIGH_WATER_BYTES);
    await until(() => quickly.length === 200, 'the messages of the quick reader');
    slow.peer.resume();
    await until(() => slowly.length === 200, 'the messages of the slow reader');
    for (let index = 0; index < 200; index++) {
      expect(slowly[index]!.equals(seededBytes(index, 0, 64 * KIB - index))).toBe(true);
      expect(quickly[index]!.equals(seededBytes(1000 + index, 0, 64 * KIB - index))).toBe(true);
    }
  });

  it('sends nothing once it has closed', async () => {
    const pair = await openPair();
    const received = peerMessages(pair);
    pair.connection.send([Buffer.from('before')]);
    pair.connection.close(true, '');
    expect(pair.connection.isWritable).toBe(false);
    pair.connection.send([Buffer.from('after')]);
    pair.connection.close(false, 'again');
    await once(pair.peer, 'close');
    await until(() => pair.told.ends.length === 1, 'closed');
    pair.connection.send([Buffer.from('long after')]);
    pair.connection.close(true, 'and again');
    pair.connection.terminate();
    expect(received.map(String)).toEqual(['before']);
    expect(pair.connection.isWritable).toBe(false);
  });
});

describe('a client', () => {
  const { openPair } = ROLES[1];

  it('may have its messages changed once they are sent', async () => {
    const pair = await openPair();
    const received = peerMessages(pair);
    expect(pair.connection.copiesMessages).toBe(true);
    pair.peer.pause();
    const bytes = Buffer.alloc(60_000);
    for (let count = 0; count < 100; count++) pair.connection.send([bytes.fill(count)]);
    bytes.fill(0xff);
    pair.peer.resume();
    await until(() => received.length === 100, 'all messages');
    for (const [index, message] of received.entries()) expect(message.equals(Buffer.alloc(60_000, index))).toBe(true);
  });

  it('takes its masking keys from `generateMask`, one for each frame', async () => {
    const keys: string[] = [];
    const generateMask = (key: Buffer): void => {
      key.fill(keys.length + 1);
      keys.push(key.toString('hex'));
    };
    const pair = await openPair({ ws: { generateMask } });
    const chunks: Buffer[] = [];
    pair.peerSocket.prependListener('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)));
    const received = peerMessages(pair);
    pair.connection.send([Buffer.from('first')]);
    pair.connection.send([seededBytes(1, 0, 70_000)]);
    await until(() => received.length === 2, 'both messages');
    expect(keys).toEqual(['01010101', '02020202']);
    expect(received[0]!.toString()).toBe('first');
    expect(received[1]!.equals(seededBytes(1, 0, 70_000))).toBe(true);
    const wire = Buffer.concat(chunks);
    expect(wire.subarray(0, 11)).toEqual(
      Buffer.from([0x82, 0x85, 1, 1, 1, 1, ...Buffer.from('first').map((byte) => byte ^ 1)]),
    );
    expect([...wire.subarray(11 + 10, 11 + 14)]).toEqual([2, 2, 2, 2]);
  });

  it('masks every frame with another key, which is not zero', async () => {
    const pair = await openPair();
    const chunks: Buffer[] = [];
    pair.peerSocket.prependListener('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)));
    const received = peerMessages(pair);
    for (let count = 0; count < 20; count++) pair.connection.send([Buffer.alloc(10)]);
    await until(() => received.length === 20, 'all messages');
    const wire = Buffer.concat(chunks);
    const keys = Array.from({ length: 20 }, (_, index) =>
      wire.subarray(index * 16 + 2, index * 16 + 6).toString('hex'),
    );
    expect(new Set(keys).size).toBe(20);
    expect(keys).not.toContain('00000000');
  });

  it('gives back all of the memory that its messages were masked into', async () => {
    const [take, give] = [vi.spyOn(wireMemory, 'take'), vi.spyOn(wireMemory, 'give')];
    const pair = await openPair();
    const received = peerMessages(pair);
    for (let count = 0; count < 20; count++) pair.connection.send([seededBytes(count, 0, 60_000)]);
    await until(() => received.length === 20, 'all messages');
    await until(() => pair.socket.writableLength === 0, 'that all has left');
    const taken = take.mock.results.map(({ value }) => value as Buffer);
    expect(give.mock.calls.map(([memory]) => memory)).toEqual(taken);
    vi.restoreAllMocks();
    // And takes it again.
    expect(taken).toContain(wireMemory.take(60_000));
  });
});
