import { createHash } from 'node:crypto';
import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type FileOffer, receiveFile, sendFile } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes, seededSha256 } from '../support/seeded-bytes.js';
import { deferred, until } from '../support/until.js';
import { duplexPair } from './duplex-pair.js';
import { failure, failures } from './outcome.js';
import { offerOf, RawFilePeer } from './raw-file-peer.js';
import { RecordingFile } from './recording-file.js';
import { seededFile } from './seeded-file.js';
import { removeFoldersAfterEach, TempFolder } from './temp-folder.js';

checkLeaksAfterEach();
removeFoldersAfterEach();

const sha256Of = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/** A receiver, and a sender by hand. */
function withRawSender(destination: Parameters<typeof receiveFile>[1], options?: Parameters<typeof receiveFile>[2]) {
  const [near, far] = duplexPair();
  const received = receiveFile(near, destination, options);
  received.catch(() => {});
  return { near, received, peer: new RawFilePeer(far) };
}

describe('where it goes', () => {
  test('a folder takes it under the offered name, made safe, and never in the place of another', async () => {
    const folder = new TempFolder();
    mkdirSync(folder.at('in'));
    folder.write('in/passwd', 'mine');
    folder.write('in/passwd (1)', 'mine too');
    const [near, far] = duplexPair();
    const [sent, received] = await Promise.all([
      sendFile(near, new Blob(['theirs']), { name: '../../etc/passwd' }),
      receiveFile(far, folder.at('in')),
    ]);
    expect(sent.name).toBe('../../etc/passwd');
    expect(received).toMatchObject({ name: 'passwd', path: folder.at('in/passwd (2)') });
    expect(folder.names()).toEqual(['in']);
    expect(folder.read('in/passwd').toString()).toBe('mine');
    expect(folder.read('in/passwd (1)').toString()).toBe('mine too');
    expect(folder.read('in/passwd (2)').toString()).toBe('theirs');
    expect(statSync(folder.at('in/passwd (2)')).nlink).toBe(1);
  });

  test('a link to a folder is a folder; a link to nowhere with the offered name is not followed', async () => {
    const folder = new TempFolder();
    mkdirSync(folder.at('in'));
    symlinkSync(folder.at('in'), folder.at('link'));
    symlinkSync(folder.at('elsewhere'), folder.at('in/a.txt'));
    const [near, far] = duplexPair();
    const [, received] = await Promise.all([
      sendFile(near, new Blob(['x']), { name: 'a.txt' }),
      receiveFile(far, folder.at('link')),
    ]);
    expect(received.path).toBe(folder.at('in/a (1).txt'));
    expect(folder.names()).toEqual(['in', 'link']);
  });

  test("a file's own path replaces what is there, and only at the end", async () => {
    const folder = new TempFolder();
    folder.write('report.pdf', 'old');
    const { peer, received } = withRawSender(folder.at('report.pdf'));
    peer.say(offerOf(3));
    await peer.hear();
    peer.say({ offset: 0 });
    peer.send(Buffer.from('new'));
    await until(() => folder.names().includes('report.pdf.part'), 'the part');
    expect(folder.read('report.pdf').toString()).toBe('old');
    expect(statSync(folder.at('report.pdf.part')).mode & 0o777).toBe(0o600);
    peer.say({ sha256: sha256Of('new') });
    expect(await peer.hear()).toEqual({ stored: true, sha256: sha256Of('new') });
    await received;
    expect(folder.names()).toEqual(['report.pdf']);
    expect(folder.read('report.pdf').toString()).toBe('new');
  });

  test("a page's file", async () => {
    const file = new RecordingFile();
    const [near, far] = duplexPair();
    const [, received] = await Promise.all([sendFile(near, seededFile(8, 600_000, 'a.bin')), receiveFile(far, file)]);
    expect(received).toMatchObject({ path: undefined, sha256: seededSha256(8, 600_000), resumedBytes: 0 });
    expect(file.bytes.equals(seededBytes(8, 0, 600_000))).toBe(true);
    expect(file.calls.filter((call) => call !== 'write')).toEqual(['close']);
  });

  test('nothing else, and the stream stays as it was', async () => {
    const [near] = duplexPair();
    await expect(receiveFile(near, '')).rejects.toThrow(TypeError);
    await expect(receiveFile(near, { write() {} } as never)).rejects.toThrow(TypeError);
    await expect(receiveFile(near, 'x', { maxSizeBytes: -1 })).rejects.toThrow(RangeError);
    await expect(receiveFile(near, 'x', { maxSizeBytes: Number.NaN })).rejects.toThrow(RangeError);
    expect([near.destroyed, near.listenerCount('error')]).toEqual([false, 0]);
  });
});

describe('what the receiver does not want', () => {
  test.each([
    ['false', false, undefined, 'the listening application said no'],
    ['a code and a text', { code: 'QUOTA', text: 'come back tomorrow' }, 'QUOTA', 'come back tomorrow'],
  ])('accept says %s', async (_what, answer, appCode, message) => {
    const folder = new TempFolder();
    const ends = duplexPair();
    let offered: FileOffer | undefined;
    const file = new File(['hello'], 'a.txt', { type: 'text/plain', lastModified: 5 });
    const received = receiveFile(ends[1], folder.path, {
      accept: async (offer) => {
        offered = offer;
        return answer;
      },
    });
    const { sender, receiver } = await failures(ends, sendFile(ends[0], file), received);
    expect(offered).toEqual({ name: 'a.txt', type: 'text/plain', sizeBytes: 5, modifiedMs: 5 });
    for (const error of [sender, receiver]) expect(error).toMatchObject({ code: 'REFUSED', appCode, message });
    expect(folder.names()).toEqual([]);
  });

  test('accept throws', async () => {
    const ends = duplexPair();
    const received = receiveFile(ends[1], new TempFolder().path, {
      accept: () => {
        throw new Error('no idea');
      },
    });
    const { sender, receiver } = await failures(ends, sendFile(ends[0], new Blob(['x'])), received);
    expect([sender.code, receiver.code, (receiver.cause as Error).message]).toEqual([
      'CANCELED',
      'CANCELED',
      'no idea',
    ]);
  });

  test.each([
    ['is destroyed', (peer: RawFilePeer) => peer.stream.destroy(), 'CONNECTION_LOST'],
    ['is ended', (peer: RawFilePeer) => peer.stream.end(), 'PROTOCOL'],
  ])('the stream %s while somebody thinks about it', async (_what, leave, code) => {
    const asked = deferred();
    const { peer, received, near } = withRawSender(new TempFolder().path, {
      accept: () => {
        asked.resolve();
        return new Promise(() => {});
      },
    });
    peer.say(offerOf(1));
    await asked.promise;
    leave(peer);
    expect((await failure(received)).code).toBe(code);
    expect(near.destroyed).toBe(true);
  });

  test('a file that is too large', async () => {
    const folder = new TempFolder();
    const ends = duplexPair();
    const received = receiveFile(ends[1], folder.path, { maxSizeBytes: 4 });
    const { sender, receiver } = await failures(ends, sendFile(ends[0], new Blob(['hello'])), received);
    for (const error of [sender, receiver]) {
      expect(error).toMatchObject({ code: 'LIMIT_BYTES', message: 'the file has 5 bytes, more than 4' });
    }
    expect(folder.names()).toEqual([]);
  });

  test('one of exactly that size is taken', async () => {
    const folder = new TempFolder();
    const [near, far] = duplexPair();
    await Promise.all([
      sendFile(near, new Blob(['1234']), { name: 'a' }),
      receiveFile(far, folder.path, { maxSizeBytes: 4 }),
    ]);
    expect(folder.names()).toEqual(['a']);
  });
});

describe('a sender that breaks the protocol', () => {
  test.each([
    ['a later version', { ...offerOf(1), version: 2 }],
    ['no name', { ...offerOf(1), name: undefined }],
    ['a name that is a number', { ...offerOf(1), name: 7 }],
    ['a negative size', offerOf(-1)],
    ['a size beyond what numbers hold', offerOf(2 ** 53)],
    ['a size that is a text', { ...offerOf(1), size: '1' }],
    ['a type that is a list', { ...offerOf(1), type: [] }],
    ['a date that is a text', { ...offerOf(1), modifiedMs: 'yesterday' }],
    ['a date beyond all dates', '{"version":1,"name":"a","size":1,"type":"","modifiedMs":1e999}'],
    ['null', null],
    ['a text', '"hello"'],
    ['what is not JSON', 'hello'],
  ])('offers %s', async (_what, offer) => {
    const folder = new TempFolder();
    const { peer, received, near } = withRawSender(folder.path);
    peer.say(offer);
    expect((await failure(received)).code).toBe('PROTOCOL');
    expect((await peer.hear()).error).toMatchObject({ code: 'PROTOCOL' });
    expect([near.destroyed, folder.names()]).toEqual([true, []]);
  });

  test.each([
    ['an offer that is too long', (peer: RawFilePeer) => peer.frame(1, Buffer.alloc(0), 16 * 1024 + 1)],
    ['an empty message', (peer: RawFilePeer) => peer.frame(1, Buffer.alloc(0))],
    ['a message of an unknown kind', (peer: RawFilePeer) => peer.frame(9, Buffer.from('{}'))],
    ['bytes first', (peer: RawFilePeer) => peer.send(Buffer.from('hello'))],
    ['what is not UTF-8', (peer: RawFilePeer) => peer.frame(1, Buffer.from([0x7b, 0xff, 0x7d]))],
    ['something else entirely', (peer: RawFilePeer) => peer.stream.write('GET / HTTP/1.1\r\n\r\n')],
  ])('sends %s', async (_what, speak) => {
    const folder = new TempFolder();
    const { peer, received } = withRawSender(folder.path);
    speak(peer);
    expect((await failure(received)).code).toBe('PROTOCOL');
    expect(folder.names()).toEqual([]);
  });

  test.each([
    [
      'less than it said',
      10,
      (peer: RawFilePeer) => {
        peer.send(Buffer.alloc(9));
        peer.say({ sha256: sha256Of(Buffer.alloc(9)) });
      },
    ],
    ['more than it said, at once', 10, (peer: RawFilePeer) => peer.send(Buffer.alloc(11))],
    [
      'more than it said, later',
      10,
      (peer: RawFilePeer) => {
        peer.send(Buffer.alloc(10));
        peer.send(Buffer.alloc(1));
      },
    ],
    ['something for an empty file', 0, (peer: RawFilePeer) => peer.send(Buffer.alloc(1))],
    [
      'a message larger than any may be',
      2 ** 30,
      (peer: RawFilePeer) => peer.frame(2, Buffer.alloc(8), 1024 * 1024 + 1),
    ],
    ['a message of no bytes', 10, (peer: RawFilePeer) => peer.frame(2, Buffer.alloc(0))],
    ['no hash at the end', 0, (peer: RawFilePeer) => peer.say({})],
  ])('sends %s', async (_what, size, speak) => {
    const folder = new TempFolder();
    const { peer, received } = withRawSender(folder.path);
    peer.say(offerOf(size));
    expect(await peer.hear()).toEqual({ offset: 0, sha256: sha256Of('') });
    peer.say({ offset: 0 });
    speak(peer);
    expect((await failure(received)).code).toBe('PROTOCOL');
    expect((await peer.hear()).error).toMatchObject({ code: 'PROTOCOL' });
    expect(folder.names()).toEqual(['file.bin.part']);
  });

  test('goes on where nobody is', async () => {
    const folder = new TempFolder();
    folder.write('file.bin.part', 'abc');
    const { peer, received } = withRawSender(folder.path);
    peer.say(offerOf(10));
    expect(await peer.hear()).toEqual({ offset: 3, sha256: sha256Of('abc') });
    peer.say({ offset: 2 });
    expect((await failure(received)).code).toBe('PROTOCOL');
    // It was nobody's mistake but the sender's.
    expect(folder.read('file.bin.part').toString()).toBe('abc');
  });

  test('goes on behind the end of its own file', async () => {
    const folder = new TempFolder();
    folder.write('file.bin.part', 'abc');
    const { peer, received } = withRawSender(folder.path);
    peer.say(offerOf(2));
    await peer.hear();
    peer.say({ offset: 3 });
    expect((await failure(received)).code).toBe('PROTOCOL');
  });

  test('has another hash in the end: nothing of it is kept', async () => {
    const folder = new TempFolder();
    const { peer, received } = withRawSender(folder.path);
    peer.say(offerOf(5));
    await peer.hear();
    peer.say({ offset: 0 });
    peer.send(Buffer.from('hello'));
    peer.say({ sha256: sha256Of('hallo') });
    expect(await failure(received)).toMatchObject({ code: 'PROTOCOL', appCode: 'WRONG_HASH' });
    expect((await peer.hear()).error).toMatchObject({ code: 'PROTOCOL', appCode: 'WRONG_HASH' });
    expect(folder.names()).toEqual([]);
  });

  test("has another hash in the end: a page's file is aborted", async () => {
    const file = new RecordingFile();
    const { peer, received } = withRawSender(file);
    peer.say(offerOf(5));
    await peer.hear();
    peer.say({ offset: 0 });
    peer.send(Buffer.from('hello'));
    peer.say({ sha256: sha256Of('hallo') });
    expect((await failure(received)).appCode).toBe('WRONG_HASH');
    expect(file.calls).toEqual(['write', 'abort']);
  });
});

test('bytes that come one at a time', async () => {
  const folder = new TempFolder();
  const ends = duplexPair();
  const received = receiveFile(ends[0], folder.at('copy'));
  const peer = new RawFilePeer(ends[1], { maxWriteBytes: 1 });
  peer.say(offerOf(5));
  await peer.hear();
  peer.say({ offset: 0 });
  peer.send(Buffer.from('hello'));
  peer.say({ sha256: sha256Of('hello') });
  await received;
  expect(folder.read('copy').toString()).toBe('hello');
});
