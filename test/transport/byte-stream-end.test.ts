import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ByteStreamConnection } from '../../src/transport/byte-stream.js';
import { Told } from '../node/framed-fixture.js';
import { HeldSocket } from '../node/held-socket.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { destroyAfterEach, endOf, gather, onWire, PREFACE_TEXT, startOn, startOnPair } from './byte-stream-fixture.js';

checkLeaksAfterEach();
destroyAfterEach();

describe('the end', () => {
  it('comes behind what was sent, and waits for that of the other side', async () => {
    const { connection, peer, told } = startOnPair();
    const sent = gather(peer);
    connection.send([Buffer.from('the last word')]);
    connection.close();
    expect(connection.isWritable).toBe(false);
    connection.send([Buffer.from('too late')]);
    await once(peer, 'end');
    expect(sent.bytes()).toEqual(onWire([Buffer.from('the last word')]));
    expect(told.ends).toEqual([]);
    peer.end();
    expect((await endOf(told)).message).toBe('the byte stream closed');
  });

  it('of the other side is seen in spite of a pause', async () => {
    const { connection, peer, told } = startOnPair();
    connection.pause();
    connection.close();
    peer.end(onWire([]));
    peer.resume();
    await endOf(told);
  });

  it('of the other side is answered', async () => {
    const { peer, told } = startOnPair();
    peer.end(onWire([Buffer.from('bye')]));
    peer.resume();
    await once(peer, 'end');
    expect((await endOf(told)).message).toBe('the byte stream closed');
    expect(told.messages.map(String)).toEqual(['bye']);
  });

  it('of the other side is the end, even if our own never gets through', async () => {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), final() {} });
    const { told } = startOn(stream);
    await until(() => stream.writableLength === 0, 'that the preface has left');
    stream.push(onWire([]));
    stream.push(null);
    await endOf(told);
  });

  it('of the other side leaves time for what was sent before', async () => {
    const stream = new HeldSocket();
    const { connection, told } = startOn(stream);
    connection.send([Buffer.from('the last word')]);
    stream.push(onWire([]));
    stream.push(null);
    await until(() => !connection.isWritable, 'that the end was seen');
    expect([told.ends.length, stream.destroyed]).toEqual([0, false]);
    stream.release();
    await endOf(told);
    expect(Buffer.concat(stream.written)).toEqual(onWire([Buffer.from('the last word')]));
    expect(stream.destroyed).toBe(true);
  });

  it('in the middle of a message, or of the preface, says so', async () => {
    const bytes = onWire([seededBytes(1, 0, 50)]);
    const within = startOnPair();
    within.peer.end(bytes.subarray(0, 40));
    within.peer.resume();
    expect((await endOf(within.told)).message).toBe('the byte stream ended inside a message');
    const before = startOnPair();
    before.peer.end('trunk');
    before.peer.resume();
    expect((await endOf(before.told)).message).toBe('the byte stream ended inside the trunkline.1 in front');
  });

  it('by an error keeps it as the cause', async () => {
    const { stream, told } = startOnPair();
    const error = new Error('made up');
    stream.destroy(error);
    const end = await endOf(told);
    expect([end.message, end.cause]).toEqual(['the byte stream closed: made up', error]);
  });

  it('by an error of a Duplex that does not destroy itself destroys it', async () => {
    const stream = new Duplex({ read() {}, write() {}, autoDestroy: false, emitClose: false });
    const { told } = startOn(stream);
    stream.emit('error', new Error('made up'));
    expect((await endOf(told)).message).toBe('the byte stream closed: made up');
    expect(stream.destroyed).toBe(true);
  });

  it('of a Duplex that never says so is told all the same', async () => {
    const quiet = new Duplex({
      read() {},
      write: (_chunk, _encoding, done) => done(),
      autoDestroy: false,
      emitClose: false,
    });
    const { told, connection } = startOn(quiet);
    quiet.push(null);
    expect((await endOf(told)).message).toBe('the byte stream ended inside the trunkline.1 in front');
    expect(quiet.destroyed).toBe(true);
    connection.terminate();
    await endOf(told);
  });

  it('by destroying without a word is told', async () => {
    const { stream, told } = startOnPair();
    stream.destroy();
    expect((await endOf(told)).message).toBe('the byte stream closed');
  });

  it('is told once, whoever terminates how often', async () => {
    const { connection, told, stream } = startOnPair();
    connection.terminate();
    connection.terminate();
    connection.close();
    connection.send([Buffer.from('too late')]);
    expect(told.ends).toEqual([]);
    await endOf(told);
    expect([stream.destroyed, connection.isWritable]).toEqual([true, false]);
  });

  it('of a Duplex whose write throws is an error like another', async () => {
    const stream = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        if (chunk.length > 100) throw new Error('made up');
        done();
      },
    });
    const { connection, told } = startOn(stream);
    connection.send([seededBytes(1, 0, 1_000)]);
    expect((await endOf(told)).message).toBe('the byte stream closed: made up');
  });

  it('of a stream that somebody else ended is an error like another', async () => {
    const { connection, told, stream } = startOnPair();
    stream.end();
    connection.send([Buffer.from('nowhere to go')]);
    expect(connection.isWritable).toBe(false);
    stream.destroy();
    await endOf(told);
  });
});

describe('a Duplex that cannot be used', () => {
  const destroyed = (): Duplex => new PassThrough().destroy();
  const failed = (): Duplex => {
    const stream = new PassThrough();
    stream.on('error', () => {});
    return stream.destroy(new Error('made up'));
  };
  const writableEnded = (): Duplex => new PassThrough().end();
  const readableEnded = async (): Promise<Duplex> => {
    const stream = new Duplex({ read() {}, write() {}, autoDestroy: false });
    stream.push(null);
    stream.resume();
    await once(stream, 'end');
    return stream;
  };

  it.each([
    ['destroyed', destroyed, 'the byte stream had been destroyed before it was used'],
    ['failed', failed, 'the byte stream closed: made up'],
    ['ended', writableEnded, 'the byte stream had ended before it was used'],
    ['read to its end', readableEnded, 'the byte stream had ended before it was used'],
    ['in object mode', () => new PassThrough({ objectMode: true }), 'in object mode'],
    ['with an encoding', () => new PassThrough().setEncoding('utf8'), 'has an encoding'],
  ])('because it is %s ends the connection, and not the process', async (_what, make, message) => {
    const stream = await make();
    const { told } = startOn(stream);
    expect(told.ends).toEqual([]);
    expect((await endOf(told)).message).toContain(message);
    expect([stream.destroyed, told.writables]).toEqual([true, 0]);
  });

  it('because it fails before the start has the cause then', async () => {
    const stream = new HeldSocket();
    const connection = new ByteStreamConnection(stream);
    const error = new Error('made up');
    stream.destroy(error);
    // As it is about to say, and as it has said.
    const told = new Told();
    connection.start(told);
    expect((await endOf(told)).cause).toBe(error);
    const late = startOn(stream);
    expect((await endOf(late.told)).cause).toBe(error);
  });

  it('because it gets an encoding later is found out by what comes', async () => {
    const { stream, peer, told } = startOnPair();
    stream.setEncoding('utf8');
    peer.write(onWire([]));
    expect((await endOf(told)).message).toContain('has an encoding');
  });
});

it('a stranger gets our preface and the end, and its words are quoted', async () => {
  const { peer, told } = startOnPair();
  const sent = gather(peer);
  peer.write('GET / HTTP/1.1\r\n\r\n');
  // Too late.
  peer.write(onWire([Buffer.from('hello')]));
  await once(peer, 'end');
  expect(sent.bytes().toString()).toBe(PREFACE_TEXT);
  expect((await endOf(told)).message).toContain('it began with "GET / HTTP/1.1');
  expect(told.messages).toEqual([]);
});
