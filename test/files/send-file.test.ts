import { createHash } from 'node:crypto';
import { appendFileSync, truncateSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { receiveFile, sendFile } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes, seededSha256 } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { duplexPair } from './duplex-pair.js';
import { failure, failures } from './outcome.js';
import { RawFilePeer } from './raw-file-peer.js';
import { seededFile } from './seeded-file.js';
import { removeFoldersAfterEach, TempFolder } from './temp-folder.js';

checkLeaksAfterEach();
removeFoldersAfterEach();

const EMPTY_SHA256 = createHash('sha256').digest('hex');

test.each([0, 1, 65_535, 65_536, 65_537, 262_144, 262_145, 5_000_000])('a path with %i bytes', async (sizeBytes) => {
  const folder = new TempFolder();
  const source = folder.write('source.bin', seededBytes(3, 0, sizeBytes));
  const [near, far] = duplexPair();
  const [sent, received] = await Promise.all([sendFile(near, source), receiveFile(far, folder.at('copy.bin'))]);
  const sha256 = seededSha256(3, sizeBytes);
  expect(sent).toEqual({ name: 'source.bin', sizeBytes, sha256, resumedBytes: 0 });
  expect(received).toMatchObject({ name: 'source.bin', sizeBytes, sha256, resumedBytes: 0, type: '' });
  expect(received.path).toBe(folder.at('copy.bin'));
  expect(folder.read('copy.bin').equals(folder.read('source.bin'))).toBe(true);
  expect(folder.names()).toEqual(['copy.bin', 'source.bin']);
  await until(() => near.closed && far.closed, 'both streams to be closed');
  expect([near.errored, far.errored, near.writableFinished, far.readableEnded]).toEqual([null, null, true, true]);
});

test('50 MiB, with progress at both ends', async () => {
  const sizeBytes = 50 * 1024 * 1024;
  const folder = new TempFolder();
  const source = folder.write('large.bin', seededBytes(4, 0, sizeBytes));
  const [near, far] = duplexPair();
  const told: Record<'sent' | 'received', number[]> = { sent: [], received: [] };
  const [sent] = await Promise.all([
    sendFile(near, source, {
      onProgress: ({ sentBytes, sizeBytes: of }) => told.sent.push(sentBytes, of === sizeBytes ? sentBytes : -1),
    }),
    receiveFile(far, folder.at('copy.bin'), {
      onProgress: ({ receivedBytes, sizeBytes: of }) =>
        told.received.push(receivedBytes, of === sizeBytes ? receivedBytes : -1),
    }),
  ]);
  expect(sent.sha256).toBe(seededSha256(4, sizeBytes));
  expect(folder.read('copy.bin').equals(folder.read('large.bin'))).toBe(true);
  for (const values of Object.values(told)) {
    expect(values.length).toBeGreaterThan(100);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect([values[0], values.at(-1)]).toEqual([0, sizeBytes]);
  }
});

describe('what can be sent', () => {
  test('a Blob, under a name given', async () => {
    const folder = new TempFolder();
    const [near, far] = duplexPair();
    const blob = seededFile(5, 700_000, 'other.png', 'image/png').slice(0, 700_000, 'image/png');
    const [sent, received] = await Promise.all([
      sendFile(near, blob, { name: 'chart.png' }),
      receiveFile(far, folder.path),
    ]);
    expect(sent.name).toBe('chart.png');
    expect(received).toMatchObject({ name: 'chart.png', type: 'image/png', modifiedMs: undefined });
    expect(folder.read('chart.png').equals(seededBytes(5, 0, 700_000))).toBe(true);
  });

  test('a Blob without a name', async () => {
    const folder = new TempFolder();
    const [near, far] = duplexPair();
    await Promise.all([sendFile(near, new Blob([])), receiveFile(far, folder.path)]);
    expect(folder.names()).toEqual(['file']);
    expect(folder.read('file')).toHaveLength(0);
  });

  test('a File, with its name, type and date', async () => {
    const folder = new TempFolder();
    const [near, far] = duplexPair();
    const file = new File(['hello'], 'hello.txt', { type: 'text/plain', lastModified: 1_700_000_000_000 });
    const [, received] = await Promise.all([sendFile(near, file), receiveFile(far, folder.path)]);
    expect(received).toMatchObject({ name: 'hello.txt', type: 'text/plain', modifiedMs: 1_700_000_000_000 });
    expect(folder.read('hello.txt').toString()).toBe('hello');
  });

  test('nothing else, and the stream stays as it was', async () => {
    const [near] = duplexPair();
    await expect(sendFile(near, 42 as never)).rejects.toThrow(TypeError);
    await expect(sendFile(near, null as never)).rejects.toThrow('a path, a File or a Blob');
    await expect(sendFile({} as never, new Blob([]))).rejects.toThrow(TypeError);
    expect([near.destroyed, near.listenerCount('error'), near.writtenBytes]).toEqual([false, 0, 0]);
    await expect(sendFile(near.setEncoding('utf8'), new Blob([]))).rejects.toThrow('without setEncoding');
    await expect(sendFile(new PassThrough({ objectMode: true }), new Blob([]))).rejects.toThrow('object mode');
  });
});

describe('a source that fails', () => {
  test.each([
    ['that is missing', 'missing.bin', 'ENOENT'],
    ['that is a folder', '.', 'EISDIR'],
  ])('%s', async (_what, name, appCode) => {
    const folder = new TempFolder();
    const ends = duplexPair();
    const sent = sendFile(ends[0], folder.at(name));
    const { sender, receiver } = await failures(ends, sent, receiveFile(ends[1], folder.at('copy')));
    expect(sender).toMatchObject({ code: 'CANCELED', appCode });
    if (appCode === 'ENOENT') expect((sender.cause as NodeJS.ErrnoException).code).toBe('ENOENT');
    expect(receiver).toMatchObject({ code: 'CANCELED', appCode });
    // Where the sender keeps its files is nobody else's business.
    expect(receiver.message).not.toContain(folder.path);
    expect(folder.names()).toEqual([]);
  });

  test.each([
    ['grows', (path: string) => appendFileSync(path, 'more'), 'grew'],
    ['shrinks', (path: string) => truncateSync(path, 900_000), 'shrank'],
  ])('because it %s', async (_what, change, verb) => {
    const folder = new TempFolder();
    const source = folder.write('source.bin', seededBytes(6, 0, 1_000_000));
    const ends = duplexPair();
    const sent = sendFile(ends[0], source, {
      onProgress: ({ sentBytes }) => sentBytes > 0 && sentBytes < 300_000 && change(source),
    });
    const { sender, receiver } = await failures(ends, sent, receiveFile(ends[1], folder.at('copy')));
    for (const error of [sender, receiver]) {
      expect(error).toMatchObject({ code: 'CANCELED', appCode: 'FILE_CHANGED', retryable: true });
      expect(error.message).toContain(verb);
    }
    expect(folder.names()).not.toContain('copy');
  });

  test('because a Blob cannot be read', async () => {
    const folder = new TempFolder();
    const ends = duplexPair();
    const broken = {
      size: 10,
      type: '',
      slice: () => ({ arrayBuffer: () => Promise.reject(new DOMException('gone', 'NotReadableError')) }),
    };
    const sent = sendFile(ends[0], broken);
    const { sender, receiver } = await failures(ends, sent, receiveFile(ends[1], folder.at('copy')));
    expect([sender.appCode, receiver.appCode]).toEqual(['NotReadableError', 'NotReadableError']);
    expect((sender.cause as Error).message).toBe('gone');
  });

  test('because onProgress throws', async () => {
    const folder = new TempFolder();
    const ends = duplexPair();
    const sent = sendFile(ends[0], new Blob(['x']), {
      onProgress: () => {
        throw new Error('no screen');
      },
    });
    const { sender, receiver } = await failures(ends, sent, receiveFile(ends[1], folder.at('copy')));
    expect(sender).toMatchObject({ code: 'CANCELED', message: 'onProgress threw: no screen' });
    // What it says may name local paths.
    expect(receiver).toMatchObject({ code: 'CANCELED', message: "the other side's onProgress threw" });
  });

  test('a name that fits into no message', async () => {
    const ends = duplexPair();
    const received = receiveFile(ends[1], new TempFolder().path);
    const sent = sendFile(ends[0], new Blob([]), { name: 'x'.repeat(20_000) });
    const { sender, receiver } = await failures(ends, sent, received);
    expect([sender.code, receiver.code]).toEqual(['LIMIT_BYTES', 'LIMIT_BYTES']);
  });
});

describe('a receiver that breaks the protocol', () => {
  const held = { offset: 0, sha256: EMPTY_SHA256 };

  test.each([
    ['has no offset', { sha256: EMPTY_SHA256 }],
    ['has a negative offset', { ...held, offset: -1 }],
    ['has half a byte', { ...held, offset: 0.5 }],
    ['has a hash that is none', { ...held, sha256: 'abc' }],
    ['answers with a list', [1]],
    ['answers with what is not JSON', '{"offset":'],
  ])('%s', async (_what, answer) => {
    const [near, far] = duplexPair();
    const peer = new RawFilePeer(far);
    const sent = failure(sendFile(near, new Blob(['x'])));
    await peer.hear();
    peer.say(answer);
    expect((await sent).code).toBe('PROTOCOL');
    expect(near.destroyed).toBe(true);
  });

  test('answers before it can have the file', async () => {
    const [near, far] = duplexPair();
    const peer = new RawFilePeer(far);
    const sent = failure(sendFile(near, new Blob([new Uint8Array(5_000_000)])));
    await peer.hear();
    peer.say(held);
    peer.say({ stored: true, sha256: EMPTY_SHA256 });
    expect(await sent).toMatchObject({ code: 'PROTOCOL', message: expect.stringContaining('before') });
  });

  test('has stored other bytes', async () => {
    const [near, far] = duplexPair();
    const peer = new RawFilePeer(far);
    const sent = failure(sendFile(near, new Blob(['x'])));
    await peer.hear();
    peer.say(held);
    await peer.hear();
    await peer.hear();
    peer.say({ stored: true, sha256: EMPTY_SHA256 });
    expect(await sent).toMatchObject({ code: 'PROTOCOL', appCode: 'WRONG_HASH' });
  });

  test('sends an error while bytes are on their way, and nobody reads them', async () => {
    const [near, far] = duplexPair();
    const peer = new RawFilePeer(far);
    const sent = failure(sendFile(near, new Blob([new Uint8Array(5_000_000)])));
    await peer.hear();
    peer.say(held);
    await peer.hear();
    far.pause();
    peer.say({ error: { code: 'REFUSED', reason: 'enough', appCode: 'FULL', retryable: true } });
    // It cannot say anything, and does not wait for ever.
    expect(await sent).toMatchObject({ code: 'REFUSED', message: 'enough', appCode: 'FULL', retryable: true });
    expect(near.destroyed).toBe(true);
  });

  test('sends an error of a later version', async () => {
    const [near, far] = duplexPair();
    const peer = new RawFilePeer(far);
    const sent = failure(sendFile(near, new Blob(['x'])));
    await peer.hear();
    peer.say({ error: { code: 'MOON_PHASE', reason: 5 } });
    expect(await sent).toMatchObject({ code: 'CANCELED' });
  });

  test('ends its side', async () => {
    const [near, far] = duplexPair();
    const peer = new RawFilePeer(far);
    const sent = failure(sendFile(near, new Blob([new Uint8Array(5_000_000)])));
    await peer.hear();
    peer.say(held);
    far.end();
    expect(await sent).toMatchObject({ code: 'PROTOCOL', message: expect.stringContaining('ended the stream') });
  });

  test('says more after the file is stored: too late to matter', async () => {
    const [near, far] = duplexPair();
    const peer = new RawFilePeer(far);
    const sent = sendFile(near, new Blob(['x']));
    await peer.hear();
    peer.say(held);
    await peer.hear();
    const { sha256 } = await peer.hear();
    peer.say({ stored: true, sha256 });
    peer.say({ stored: true, sha256 });
    expect((await sent).sha256).toBe(sha256);
    await until(() => near.destroyed, 'the stream of somebody who goes on to be destroyed');
    expect(near.errored).toMatchObject({ code: 'PROTOCOL' });
  });
});

test('a receiver that never ends its side: it is waited for in vain, but not for ever', async () => {
  const [near, far] = duplexPair();
  const peer = new RawFilePeer(far, { staysOpen: true });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const sent = sendFile(near, new Blob(['x']));
    await peer.hear();
    peer.say({ offset: 0, sha256: EMPTY_SHA256 });
    await peer.hear();
    const { sha256 } = await peer.hear();
    peer.say({ stored: true, sha256 });
    await sent;
    vi.advanceTimersByTime(9_999);
    expect([near.writableFinished, near.destroyed]).toEqual([true, false]);
    vi.advanceTimersByTime(1);
    expect(near.destroyed).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

test('a stream that has ended, or is destroyed', async () => {
  const [near, far] = duplexPair();
  near.end();
  expect((await failure(sendFile(near, new Blob(['x'])))).code).toBe('CANCELED');
  const destroyed = far.destroy();
  expect((await failure(sendFile(destroyed, new Blob(['x'])))).code).toBe('CANCELED');
});
