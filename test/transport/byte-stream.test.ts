import { Duplex, duplexPair } from 'node:stream';
import { Duplex as PageDuplex } from 'readable-stream';
import { describe, expect, it } from 'vitest';
import { ByteStreamConnection, type ByteStreamLike } from '../../src/transport/byte-stream.js';
import { Told } from '../node/framed-fixture.js';
import { HeldSocket } from '../node/held-socket.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { destroyAfterEach, endOf, gather, onWire, PREFACE_TEXT, startOn, startOnPair } from './byte-stream-fixture.js';

checkLeaksAfterEach();
destroyAfterEach();

const HIGH_WATER_BYTES = 128 * 1024;

describe.each([true, false])('what is sent (copiesMessages: %s)', (copiesMessages) => {
  it('is the preface, then each message behind its length', async () => {
    const { connection, peer, told } = startOnPair({ copiesMessages });
    const sent = gather(peer);
    const messages = [10, 5_000, 70_000].map((bytes, seed) => seededBytes(seed, 0, bytes));
    expect([told.writables, connection.isWritable, connection.copiesMessages]).toEqual([1, true, copiesMessages]);
    connection.send([messages[0]!]);
    connection.send([messages[1]!.subarray(0, 8), messages[1]!.subarray(8, 4_500), messages[1]!.subarray(4_500)]);
    connection.send([messages[2]!.subarray(0, 5_000), messages[2]!.subarray(5_000)]);
    const expected = onWire(messages);
    await until(() => sent.bytes().length >= expected.length, 'all of it');
    expect(sent.bytes().equals(expected)).toBe(true);
  });

  it('leaves together with its length', async () => {
    const writes: number[] = [];
    const stream = new Duplex({
      read() {},
      writev(chunks, done) {
        writes.push(chunks.reduce((sum, { chunk }) => sum + (chunk as Buffer).length, 0));
        done();
      },
    });
    const { connection } = startOn(stream, { copiesMessages });
    connection.send([seededBytes(1, 0, 100), seededBytes(2, 0, 50_000)]);
    await until(() => writes.length === 2, 'both writes');
    expect(writes).toEqual([PREFACE_TEXT.length, 4 + 50_100]);
  });

  it('stops at 128 KiB that have not left, and goes on when they have', async () => {
    const stream = new HeldSocket();
    const { connection, told } = startOn(stream, { copiesMessages });
    while (connection.isWritable) connection.send([seededBytes(1, 0, 20_000)]);
    expect(stream.writableLength).toBeGreaterThanOrEqual(HIGH_WATER_BYTES);
    expect(stream.writableLength).toBeLessThan(HIGH_WATER_BYTES + 20_100);
    stream.release();
    await until(() => told.writables === 2, 'writable');
    expect(connection.isWritable).toBe(true);
    await until(() => stream.writableLength === 0, 'that all has left');
    expect(told.writables).toBe(2);
  });
});

it("a copy is what its reader gets, never the sender's own memory", async () => {
  const { connection, peer } = startOnPair();
  const message = seededBytes(1, 0, 50_000);
  connection.send([message]);
  let readBytes = 0;
  peer.on('data', (chunk: Buffer) => {
    readBytes += chunk.fill(0).length;
  });
  await until(() => readBytes === PREFACE_TEXT.length + 4 + 50_000, 'that all is read');
  expect(message.equals(seededBytes(1, 0, 50_000))).toBe(true);
});

it('what there is to say at once leaves with the preface', async () => {
  const writes: number[] = [];
  const stream = new Duplex({
    read() {},
    writev(chunks, done) {
      writes.push(chunks.length);
      done();
    },
  });
  const told = new Told();
  const connection = new ByteStreamConnection(stream);
  told.onWritable = () => connection.send([Buffer.from('hello')]);
  connection.start(told);
  await until(() => writes.length > 0, 'a write');
  expect(writes).toEqual([2]);
  stream.destroy();
});

describe('what comes', () => {
  it('is handed out before its message is complete', async () => {
    const { told, peer } = startOnPair();
    const bytes = onWire([seededBytes(1, 0, 1_000)]);
    peer.write(bytes.subarray(0, 600));
    await until(() => told.partialBytes === 600 - PREFACE_TEXT.length - 4, 'the part that has come');
    peer.write(bytes.subarray(600));
    await until(() => told.messages.length === 1, 'the rest');
    expect(told.messages[0]!.equals(seededBytes(1, 0, 1_000))).toBe(true);
  });

  it('waits in the stream while it is paused, also before the start', async () => {
    const { told, peer, connection, stream } = startOnPair();
    connection.pause();
    peer.write(onWire([Buffer.from('held')]));
    await until(() => stream.readableLength > 0, 'that it is there');
    expect(told.messages).toEqual([]);
    connection.resume();
    await until(() => told.messages.length === 1, 'the message');
    expect(told.messages[0]!.toString()).toBe('held');
  });

  it('of a stream that was given in the middle of a pause is read', async () => {
    const [stream, peer] = duplexPair();
    stream.pause();
    peer.write(onWire([Buffer.from('early')]));
    const { told } = startOn(stream as Duplex);
    await until(() => told.messages.length === 1, 'the message');
  });

  it('is not read while it was paused before the start', async () => {
    const [stream, peer] = duplexPair() as [Duplex, Duplex];
    const told = new Told();
    const connection = new ByteStreamConnection(stream);
    connection.pause();
    connection.start(told);
    peer.write(onWire([Buffer.from('early')]));
    await until(() => stream.readableLength > 0, 'that it is there');
    expect(told.messages).toEqual([]);
    connection.resume();
    await until(() => told.messages.length === 1, 'the message');
    stream.destroy();
    await endOf(told);
  });
});

describe('two connections over a pair', () => {
  it.each([1, 3, 1_000])('carry messages both ways, over buffers of %i bytes', async (highWaterMark) => {
    const [left, right] = duplexPair({ highWaterMark }) as [Duplex, Duplex];
    const [here, there] = [startOn(left), startOn(right)];
    const sizes = [1, 7, 4_096, 5_000];
    for (const size of sizes) here.connection.send([seededBytes(size, 0, size)]);
    for (const size of sizes) there.connection.send([seededBytes(size + 1, 0, size)]);
    await until(() => [here, there].every(({ told }) => told.messages.length === sizes.length), 'all messages');
    for (const [index, size] of sizes.entries()) {
      expect(there.told.messages[index]!.equals(seededBytes(size, 0, size))).toBe(true);
      expect(here.told.messages[index]!.equals(seededBytes(size + 1, 0, size))).toBe(true);
    }
    here.connection.close();
    expect((await endOf(here.told)).message).toBe('the byte stream closed');
    expect((await endOf(there.told)).message).toBe('the byte stream closed');
    await until(() => left.destroyed && right.destroyed, 'both streams destroyed');
  });

  it('keep what waits bounded when the other side does not read', async () => {
    const [left, right] = duplexPair() as [Duplex, Duplex];
    const [here, there] = [startOn(left), startOn(right)];
    there.connection.pause();
    let sent = 0;
    const fill = (): void => {
      for (; here.connection.isWritable && sent < 200; sent++) here.connection.send([seededBytes(sent, 0, 30_000)]);
    };
    here.told.onWritable = fill;
    fill();
    for (let turn = 0; turn < 50; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(left.writableLength).toBeLessThan(HIGH_WATER_BYTES + 30_100);
    }
    expect(sent).toBeLessThan(10);
    there.connection.resume();
    await until(() => there.told.messages.length === 200, 'everything, once it reads');
    expect(there.told.messages.every((message, index) => message.equals(seededBytes(index, 0, 30_000)))).toBe(true);
  });

  it("made of a page's own streams work as well", async () => {
    const ends: PageDuplex[] = [0, 1].map(
      (index) =>
        new PageDuplex({
          read() {},
          write(chunk: Buffer, _encoding, done) {
            ends[1 - index]!.push(chunk);
            done();
          },
          final(done) {
            ends[1 - index]!.push(null);
            done();
          },
        }),
    );
    const [here, there] = ends.map((end) => startOn(end as unknown as ByteStreamLike));
    here!.connection.send([Buffer.from('from a page')]);
    await until(() => there!.told.messages.length === 1, 'the message');
    expect(there!.told.messages[0]!.toString()).toBe('from a page');
    there!.connection.close();
    await Promise.all([endOf(here!.told), endOf(there!.told)]);
  });
});
