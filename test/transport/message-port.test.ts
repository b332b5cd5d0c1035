import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { endOf } from './byte-stream-fixture.js';
import { cleanUpAfterEach, ForgetfulPort, startByHand, startedByHand, startOn, startPair } from './port-fixture.js';

checkLeaksAfterEach();
cleanUpAfterEach();

const WINDOW_BYTES = 256 * 1024;

describe('two ends', () => {
  it('carry messages both ways, and close', async () => {
    const { here, there } = startPair();
    expect(here.connection.isWritable).toBe(false);
    await until(() => here.connection.isWritable && there.connection.isWritable, 'both open');
    const message = seededBytes(1, 0, 70_000);
    here.connection.send([message.subarray(0, 10), message.subarray(10)]);
    there.connection.send([Buffer.from('answer')]);
    await until(() => here.told.messages.length + there.told.messages.length === 2, 'both messages');
    expect(there.told.messages[0]!.equals(message)).toBe(true);
    expect(here.told.messages[0]!.toString()).toBe('answer');
    here.connection.send([Buffer.from('the last word')]);
    here.connection.close();
    here.connection.send([Buffer.from('too late')]);
    expect((await endOf(here.told)).message).toBe('the other side of the port ended the connection');
    expect((await endOf(there.told)).message).toBe('the other side of the port ended the connection');
    expect(there.told.messages.slice(1).map(String)).toEqual(['the last word']);
  });

  it('find each other whoever listens first, though nothing is kept for who comes late', async () => {
    const early = new ForgetfulPort();
    const late = new ForgetfulPort();
    early.other = late;
    late.other = early;
    const here = startOn(early);
    await new Promise((resolve) => setImmediate(resolve));
    expect(here.connection.isWritable).toBe(false);
    const there = startOn(late);
    await until(() => here.connection.isWritable && there.connection.isWritable, 'both open');
    here.connection.send([Buffer.from('hello')]);
    await until(() => there.told.messages.length === 1, 'the message');
    expect([here.told.writables, there.told.writables]).toEqual([1, 1]);
  });

  it('one after the other can use what outlives them', async () => {
    const ports = [new ForgetfulPort(), new ForgetfulPort()] as const;
    ports[0].other = ports[1];
    ports[1].other = ports[0];
    for (const text of ['first', 'second']) {
      const [here, there] = [startOn(ports[0]), startOn(ports[1])];
      await until(() => here.connection.isWritable && there.connection.isWritable, 'both open');
      here.connection.send([Buffer.from(text)]);
      here.connection.close();
      await Promise.all([endOf(here.told), endOf(there.told)]);
      expect(there.told.messages.map(String)).toEqual([text]);
      expect(ports.map(({ listeners }) => listeners)).toEqual([0, 0]);
    }
  });

  it("leave the sender's memory alone, and hand over memory of its own", async () => {
    const { connection, peer } = await startedByHand();
    const memory = seededBytes(1, 0, 1_000);
    const arrived = once(peer, 'message') as Promise<[Uint8Array]>;
    connection.send([memory.subarray(100, 200)]);
    const [message] = await arrived;
    expect([message.byteOffset, message.buffer.byteLength, memory.buffer.byteLength > 0]).toEqual([0, 100, true]);
    expect(Buffer.from(message).equals(memory.subarray(100, 200))).toBe(true);
    expect(connection.copiesMessages).toBe(true);
  });
});

describe('back-pressure', () => {
  it('stops a sender at 256 KiB that nobody has taken, and lets it go on', async () => {
    const { connection, told, peer, posted } = await startedByHand();
    let sent = 0;
    for (; connection.isWritable; sent++) connection.send([seededBytes(1, 0, 50_000)]);
    expect(sent).toBe(6);
    await until(() => posted.length === 6, 'what was sent');
    peer.postMessage(30_000);
    await until(() => told.writables === 1, 'nothing new');
    peer.postMessage(50_000);
    await until(() => told.writables === 2, 'writable');
    expect(connection.isWritable).toBe(true);
    connection.send([seededBytes(1, 0, 50_000)]);
    expect(connection.isWritable).toBe(false);
    // Only the first of these makes a difference.
    for (const taken of [200_000, 300_000]) peer.postMessage(taken);
    peer.postMessage(Buffer.from('read by now'));
    await until(() => told.messages.length === 1, 'what was posted last');
    expect([told.writables, connection.isWritable]).toEqual([3, true]);
  });

  it('acknowledges what was taken, a quarter of that at a time', async () => {
    const { peer, posted, told } = await startedByHand();
    for (let count = 0; count < 8; count++) peer.postMessage(seededBytes(count, 0, 30_000));
    await until(() => told.messages.length === 8, 'the messages');
    await until(() => posted.length === 2, 'what is told of them');
    expect(posted).toEqual([90_000, 180_000]);
  });

  it('holds back what comes during a pause, and what would be told of it', async () => {
    const { here, there } = startPair();
    await until(() => here.connection.isWritable && there.connection.isWritable, 'both open');
    there.connection.pause();
    let sent = 0;
    here.told.onWritable = () => {
      for (; here.connection.isWritable && sent < 100; sent++) here.connection.send([seededBytes(sent, 0, 40_000)]);
    };
    here.told.onWritable();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([sent, there.told.messages.length]).toEqual([7, 0]);
    // It still writes meanwhile.
    there.connection.send([Buffer.from('the other way')]);
    await until(() => here.told.messages.length === 1, 'the other way');
    there.connection.resume();
    await until(() => there.told.messages.length === 100, 'everything');
    expect(there.told.messages.every((message, index) => message.equals(seededBytes(index, 0, 40_000)))).toBe(true);
  });

  it('holds back nothing behind what ends it', async () => {
    const { connection, peer } = await startedByHand();
    const { held, credit } = connection as unknown as { held: unknown[]; credit: { arrivedBytes: number } };
    connection.pause();
    for (let count = 0; count < 100; count++) peer.postMessage(new Uint8Array(0));
    for (let count = 0; count < 100; count++) peer.postMessage(null);
    peer.postMessage(new Uint8Array(1));
    await until(() => credit.arrivedBytes === 1, 'that all has come');
    expect(held).toEqual([new Uint8Array(0)]);
  });

  it('holds a message, and not the larger memory that it came in', async () => {
    const { connection, peer } = await startedByHand();
    const held = () => (connection as unknown as { held: Uint8Array[] }).held;
    connection.pause();
    peer.postMessage(new Uint8Array(new ArrayBuffer(1024 * 1024), 5, 3));
    await until(() => held().length === 1, 'the message');
    expect(held()[0]!.length).toBe(3);
    expect(held()[0]!.buffer.byteLength).toBe(3);
  });

  it('lets a reader pause from inside what it is handed', async () => {
    const { connection, told, peer } = await startedByHand();
    connection.pause();
    for (const text of ['one', 'two', 'three']) peer.postMessage(Buffer.from(text));
    told.onMessage = () => connection.pause();
    peer.postMessage(null);
    await until(() => (connection as unknown as { held: unknown[] }).held.length === 4, 'that all has come');
    for (const expected of [1, 2, 3]) {
      connection.resume();
      expect([told.messages.length, told.ends.length]).toEqual([expected, 0]);
    }
    connection.resume();
    await endOf(told);
    expect(told.messages.map(String)).toEqual(['one', 'two', 'three']);
  });

  it('ends a sender that does not keep to it', async () => {
    const { connection, told, peer, posted } = await startedByHand();
    connection.pause();
    peer.postMessage(new Uint8Array(WINDOW_BYTES - 1));
    peer.postMessage(new Uint8Array(100_000));
    // One more, as its last word.
    peer.postMessage(new Uint8Array(10));
    peer.postMessage(new Uint8Array(10));
    expect((await endOf(told)).message).toContain('more than was acknowledged');
    expect(told.messages).toEqual([]);
    await until(() => posted.includes(null), 'the end');
  });

  it('lets the last word through, however much waits', async () => {
    const { here, there } = startPair();
    await until(() => here.connection.isWritable && there.connection.isWritable, 'both open');
    there.connection.pause();
    while (here.connection.isWritable) here.connection.send([seededBytes(1, 0, 100_000)]);
    here.connection.send([Buffer.from('GOAWAY')]);
    here.connection.close();
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(there.told.ends).toEqual([]);
    there.connection.resume();
    await Promise.all([endOf(here.told), endOf(there.told)]);
    expect(there.told.messages.at(-1)!.toString()).toBe('GOAWAY');
  });
});

describe('the end', () => {
  it('is answered', async () => {
    const { told, peer, posted, connection } = await startedByHand();
    peer.postMessage(null);
    expect((await endOf(told)).message).toBe('the other side of the port ended the connection');
    await until(() => posted.length === 1, 'the answer');
    expect([posted, connection.isWritable]).toEqual([[null], false]);
  });

  it('may come before the other side has said that it is there', async () => {
    const { told, peer } = startByHand();
    peer.postMessage(null);
    await endOf(told);
  });

  it('of the other side is seen in spite of a pause', async () => {
    const { told, peer, connection } = await startedByHand();
    connection.pause();
    connection.close();
    peer.postMessage(null);
    await endOf(told);
  });

  it('closes the port', async () => {
    const { told, peer, connection } = await startedByHand();
    const closed = once(peer, 'close');
    connection.close();
    peer.postMessage(null);
    await Promise.all([closed, endOf(told)]);
  });

  it('of a port that closes is told', async () => {
    const { told, peer } = await startedByHand();
    peer.close();
    expect((await endOf(told)).message).toBe('the port ended: it was closed');
  });

  it('is said when it is terminated, and when nobody is there yet', async () => {
    const { told, posted, connection } = await startedByHand();
    connection.terminate();
    connection.terminate();
    expect(told.ends).toEqual([]);
    await endOf(told);
    await until(() => posted.length === 1, 'the end');
    expect(posted).toEqual([null]);
    const alone = startByHand();
    alone.connection.close();
    await endOf(alone.told);
    await until(() => alone.posted.length === 2, 'the end');
    expect(alone.posted).toEqual(['trunkline.1', null]);
  });

  it('of a port that takes nothing is told', async () => {
    const port = new ForgetfulPort();
    port.postMessage = () => {
      throw new Error('made up');
    };
    const { told } = startOn(port);
    expect((await endOf(told)).message).toBe('nothing can be posted to the port: made up');
  });

  it('of a page that cannot read what came is told', async () => {
    const port = new ForgetfulPort();
    const { told } = startOn(port);
    port.dispatch('messageerror', {});
    expect((await endOf(told)).message).toContain('what could not be read here');
  });

  it("of a page's worker whose script cannot be loaded is told, and an error in one that runs is its own", async () => {
    const failing = new ForgetfulPort();
    const { told } = startOn(failing);
    failing.dispatch('error', {});
    expect((await endOf(told)).message).toBe('the worker failed: its script failed');
    const running = new ForgetfulPort();
    const other = startOn(running);
    running.dispatch('message', { data: 'trunkline.1' });
    const error = new Error('made up');
    running.dispatch('error', { message: 'made up', error });
    expect(other.connection.isWritable).toBe(true);
    other.connection.terminate();
    expect((await endOf(other.told)).cause).toBe(error);
  });

  it('does not end a worker whose global scope it used', async () => {
    let closes = 0;
    const scope = Object.assign(new ForgetfulPort(), { close: () => closes++ });
    const { told, connection } = startOn(scope);
    connection.terminate();
    await endOf(told);
    expect(closes).toBe(0);
  });
});
