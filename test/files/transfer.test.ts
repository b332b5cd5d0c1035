/** Both ends of transfers that are cut, aborted and taken up again, over pipes in this process. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { receiveFile, type SentFile, sendFile } from '../../src/index.js';
import { PROPERTY_SEED } from '../property/settings.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { SeededRandom } from '../support/seeded-random.js';
import { deferred, until } from '../support/until.js';
import { duplexPair } from './duplex-pair.js';
import { failure, failures } from './outcome.js';
import { offerOf, RawFilePeer } from './raw-file-peer.js';
import { RecordingFile } from './recording-file.js';
import { removeFoldersAfterEach, TempFolder } from './temp-folder.js';

checkLeaksAfterEach();
removeFoldersAfterEach();

const SIZE = 3_000_000;
const bytes = seededBytes(11, 0, SIZE);

function inputs(): { folder: TempFolder; source: string; copy: string } {
  const folder = new TempFolder();
  return { folder, source: folder.write('source.bin', bytes), copy: folder.at('copy.bin') };
}

async function whole(source: string, copy: string): Promise<SentFile> {
  const [near, far] = duplexPair();
  const [sent] = await Promise.all([sendFile(near, source), receiveFile(far, copy)]);
  expect(readFileSync(copy).equals(bytes)).toBe(true);
  return sent;
}

describe('a stream that is destroyed', () => {
  const random = new SeededRandom(PROPERTY_SEED);
  const cuts = Array.from({ length: 12 }, () => random.integer(0, SIZE + 400));

  test.each([0, 1, 5, 100, 262_300, ...cuts])(`after %i bytes (seed ${PROPERTY_SEED}): goes on`, async (cutAt) => {
    const { folder, source, copy } = inputs();
    const ends = duplexPair();
    const [near, far] = ends;
    const write = near._write.bind(near);
    near._write = (chunk, encoding, callback) => {
      const left = cutAt - near.writtenBytes;
      if (chunk.length <= left) return write(chunk, encoding, callback);
      write(chunk.subarray(0, left), encoding, () => random.pick([near, far]).destroy());
    };
    const { sender, receiver } = await failures(ends, sendFile(near, source), receiveFile(far, copy));
    for (const { code } of [sender, receiver]) expect(['CANCELED', 'CONNECTION_LOST', 'PROTOCOL']).toContain(code);
    expect(folder.names()).not.toContain('copy.bin');
    const part = folder.names().includes('copy.bin.part') ? folder.read('copy.bin.part') : Buffer.alloc(0);
    expect(part.equals(bytes.subarray(0, part.length))).toBe(true);
    // What was under way is lost, and no more than that.
    expect(part.length).toBeGreaterThan(cutAt - 200_000);

    const { resumedBytes } = await whole(source, copy);
    expect(resumedBytes).toBe(part.length);
    expect(folder.names()).toEqual(['copy.bin', 'source.bin']);
  });

  test('before the receiver could say that it has stored it: it has', async () => {
    const { folder, source, copy } = inputs();
    const [near, far] = duplexPair();
    const sent = failure(sendFile(near, source));
    let isComplete = false;
    const received = receiveFile(far, copy, {
      onProgress: ({ receivedBytes }) => {
        isComplete = receivedBytes === SIZE;
      },
    });
    const write = far._write.bind(far);
    far._write = (chunk, encoding, callback) => void (isComplete ? far.destroy() : write(chunk, encoding, callback));
    expect((await received).path).toBe(copy);
    expect((await sent).code).toBe('CONNECTION_LOST');
    expect(folder.read('copy.bin').equals(bytes)).toBe(true);
  });
});

describe('what is there already', () => {
  test('all of it: only the hash crosses', async () => {
    const { folder, source, copy } = inputs();
    folder.write('copy.bin.part', bytes);
    const [near, far] = duplexPair();
    const progress: number[] = [];
    const [sent, received] = await Promise.all([
      sendFile(near, source, { onProgress: ({ sentBytes }) => progress.push(sentBytes) }),
      receiveFile(far, copy),
    ]);
    expect([sent.resumedBytes, received.resumedBytes, progress]).toEqual([SIZE, SIZE, [SIZE]]);
    expect(near.writtenBytes).toBeLessThan(500);
    expect(folder.read('copy.bin').equals(bytes)).toBe(true);
  });

  test.each([
    ['differs in one byte', Buffer.concat([bytes.subarray(0, 999), Buffer.from([~(bytes[999] as number) & 255])])],
    ['is longer than the file', Buffer.concat([bytes, Buffer.from('x')])],
    ['is of something else', Buffer.from('hello')],
  ])('a part that %s: starts anew', async (_what, part) => {
    const { folder, source, copy } = inputs();
    folder.write('copy.bin.part', part);
    expect((await whole(source, copy)).resumedBytes).toBe(0);
    expect(folder.names()).toEqual(['copy.bin', 'source.bin']);
  });

  test('a part of a longer file, for an empty one', async () => {
    const folder = new TempFolder();
    folder.write('copy.bin.part', 'x');
    const [near, far] = duplexPair();
    await Promise.all([sendFile(near, new Blob([])), receiveFile(far, folder.at('copy.bin'))]);
    expect(folder.read('copy.bin')).toHaveLength(0);
  });
});

describe('an abort', () => {
  const phases = ['before it begins', 'while it is offered', 'in the middle', 'while the end is awaited'] as const;

  test.each(phases)('of the sender, %s', async (phase) => {
    const { source } = inputs();
    const abort = new AbortController();
    if (phase === 'before it begins') abort.abort(new Error('changed my mind'));
    const [near, far] = duplexPair();
    const peer = new RawFilePeer(far);
    const sent = failure(
      sendFile(near, source, {
        signal: abort.signal,
        onProgress: ({ sentBytes }) => phase === 'in the middle' && sentBytes > 1_000_000 && cancel(),
      }),
    );
    const cancel = () => abort.abort(new Error('changed my mind'));
    if (phase !== 'before it begins') {
      await peer.hear();
      if (phase === 'while it is offered') cancel();
      else peer.say({ offset: 0, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' });
    }
    if (phase === 'while the end is awaited') {
      await peer.hear();
      expect(await peer.hear()).toHaveProperty('sha256');
      expect(peer.dataBytes).toBe(SIZE);
      cancel();
    }
    expect(await sent).toMatchObject({ code: 'CANCELED', message: 'the transfer was aborted' });
    expect(((await sent).cause as Error).message).toBe('changed my mind');
    let last = await peer.hear();
    while (!('error' in last)) last = await peer.hear();
    expect(last.error).toEqual({ code: 'CANCELED', reason: 'the transfer was aborted' });
    expect(near.destroyed).toBe(true);
  });

  test.each([...phases, 'while accept thinks'] as const)('of the receiver, %s', async (phase) => {
    const folder = new TempFolder();
    const abort = new AbortController();
    if (phase === 'before it begins') abort.abort();
    const asked = deferred();
    const [near, far] = duplexPair();
    const peer = new RawFilePeer(near);
    const received = failure(
      receiveFile(far, folder.at('copy.bin'), {
        signal: abort.signal,
        accept: () => {
          asked.resolve();
          return phase === 'while accept thinks' ? new Promise(() => {}) : true;
        },
        onProgress: ({ receivedBytes }) => phase === 'in the middle' && receivedBytes > 0 && abort.abort(),
      }),
    );
    if (phase !== 'before it begins' && phase !== 'while it is offered') peer.say(offerOf(10));
    if (phase === 'while it is offered') setImmediate(() => abort.abort());
    if (phase === 'while accept thinks') {
      await asked.promise;
      abort.abort();
    }
    if (phase === 'in the middle' || phase === 'while the end is awaited') {
      await peer.hear();
      peer.say({ offset: 0 });
      peer.send(Buffer.alloc(phase === 'in the middle' ? 5 : 10));
    }
    if (phase === 'while the end is awaited') {
      await until(() => far.readableLength === 0 && near.writableLength === 0, 'all to be read');
      abort.abort();
    }
    expect(await received).toMatchObject({ code: 'CANCELED', message: 'the transfer was aborted' });
    expect((await peer.hear()).error).toEqual({ code: 'CANCELED', reason: 'the transfer was aborted' });
    const isBegun = phase === 'in the middle' || phase === 'while the end is awaited';
    expect(folder.names()).toEqual(isBegun ? ['copy.bin.part'] : []);
  });

  test('after the end is none', async () => {
    const { source, copy } = inputs();
    const abort = new AbortController();
    const [near, far] = duplexPair();
    const { signal } = abort;
    await Promise.all([sendFile(near, source, { signal }), receiveFile(far, copy, { signal })]);
    abort.abort();
    await until(() => near.closed && far.closed, 'both streams to be closed');
    expect([near.errored, far.errored]).toEqual([null, null]);
  });
});

test('a slow receiver: no more than a few chunks are held', async () => {
  const sizeBytes = 20_000_000;
  const [near, far] = duplexPair();
  let readBytes = 0;
  const source = {
    size: sizeBytes,
    type: '',
    slice: (from = 0, to = 0) => ({
      arrayBuffer: async () => {
        readBytes = Math.max(readBytes, Math.min(to, sizeBytes));
        return new Uint8Array(Math.max(0, Math.min(to, sizeBytes) - from)).buffer as ArrayBuffer;
      },
    }),
  };
  const file = new RecordingFile();
  const release = file.hold();
  const transfer = Promise.all([sendFile(near, source), receiveFile(far, file)]);
  await until(() => file.calls.length > 0, 'the first write');
  // The sender has had every chance to read on.
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(readBytes).toBeGreaterThan(0);
  expect(readBytes).toBeLessThanOrEqual(5 * 256 * 1024);
  release();
  await transfer;
  expect(file.writtenBytes).toBe(sizeBytes);
});
