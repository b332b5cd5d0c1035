import { execFileSync } from 'node:child_process';
import { linkSync, lstatSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { receiveFile, sendFile } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { deferred } from '../support/until.js';
import { duplexPair } from './duplex-pair.js';
import { failures } from './outcome.js';
import { RecordingFile } from './recording-file.js';
import { seededFile } from './seeded-file.js';
import { removeFoldersAfterEach, TempFolder } from './temp-folder.js';

vi.mock('node:fs/promises', async (original) => ({ ...(await original<typeof fs>()) }));

checkLeaksAfterEach();
removeFoldersAfterEach();
afterEach(() => vi.restoreAllMocks());

const file = () => new File(['hello'], 'a.txt');

async function refused(destination: Parameters<typeof receiveFile>[1], source: Blob = file()) {
  const ends = duplexPair();
  return await failures(ends, sendFile(ends[0], source), receiveFile(ends[1], destination));
}

async function stored(destination: string, source: Blob = file()): Promise<string | undefined> {
  const [near, far] = duplexPair();
  const [, { path }] = await Promise.all([sendFile(near, source), receiveFile(far, destination)]);
  return path;
}

function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk says no, write '/home/me'`), { code, syscall: 'write' });
}

/** Of every file that is opened by `node:fs/promises`. */
async function fileMethods(): Promise<fs.FileHandle> {
  const handle = await fs.open('/dev/null');
  await handle.close();
  return Object.getPrototypeOf(handle);
}

describe('a place that cannot be', () => {
  test.each([
    ['in a folder that is missing', (folder: TempFolder) => folder.at('missing/a.txt'), 'ENOENT'],
    ['a folder that is missing', (folder: TempFolder) => `${folder.at('missing')}/`, 'ENOENT'],
    ['in a folder that is a file', (folder: TempFolder) => `${folder.write('plain', '')}/a.txt`, 'ENOTDIR'],
    ['a device', () => '/dev/null', 'EEXIST'],
  ])('%s', async (_what, place, appCode) => {
    const folder = new TempFolder();
    const path = place(folder);
    const { sender, receiver } = await refused(path);
    expect([sender, receiver]).toMatchObject([
      { code: 'CANCELED', appCode },
      { code: 'CANCELED', appCode },
    ]);
    if (appCode !== 'EEXIST') expect((receiver.cause as NodeJS.ErrnoException).code).toBe(appCode);
    // Where the receiver keeps its files is nobody else's business.
    expect(sender.message).not.toContain(folder.path);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});

describe('a part that is not ours', () => {
  test.each([
    ['a link: it is not followed', (path: string, other: string) => symlinkSync(other, path), 'ELOOP'],
    ['a folder', (path: string) => mkdirSync(path), 'EISDIR'],
    ['a pipe', (path: string) => execFileSync('mkfifo', [path]), 'EEXIST'],
  ])('%s', async (_what, make, appCode) => {
    const folder = new TempFolder();
    const other = folder.write('other', 'precious');
    make(folder.at('a.txt.part'), other);
    const { sender, receiver } = await refused(folder.path);
    expect([sender.appCode, receiver.appCode]).toEqual([appCode, appCode]);
    expect(folder.read('other').toString()).toBe('precious');
    expect(folder.names()).toEqual(['a.txt.part', 'other']);
  });

  test('a file that has another name as well: only that name is given up', async () => {
    const folder = new TempFolder();
    linkSync(folder.write('other', 'hel'), folder.at('a.txt.part'));
    await stored(folder.path);
    expect(folder.read('other').toString()).toBe('hel');
    expect(folder.read('a.txt').toString()).toBe('hello');
    expect(folder.names()).toEqual(['a.txt', 'other']);
  });
});

describe('two at the same place', () => {
  test('the second is refused, by whatever way it came there; the first is not disturbed', async () => {
    const folder = new TempFolder();
    mkdirSync(folder.at('in'));
    symlinkSync(folder.at('in'), folder.at('link'));
    const [near, far] = duplexPair();
    const begun = deferred();
    const goOn = deferred();
    const large = seededFile(12, 900_000, 'a.txt');
    const first = Promise.all([
      sendFile(near, {
        ...{ name: large.name, size: large.size, type: '' },
        slice: (from, to) => ({
          arrayBuffer: async () => {
            begun.resolve();
            await goOn.promise;
            return await large.slice(from, to).arrayBuffer();
          },
        }),
      }),
      receiveFile(far, folder.at('in')),
    ]);
    await begun.promise;
    for (const destination of [folder.at('in'), folder.at('link'), folder.at('link/a.txt')]) {
      const { sender, receiver } = await refused(destination);
      for (const error of [sender, receiver]) {
        expect(error).toMatchObject({ code: 'REFUSED', appCode: 'EBUSY', retryable: true });
      }
    }
    goOn.resolve();
    await first;
    expect(folder.read('in/a.txt').equals(seededBytes(12, 0, 900_000))).toBe(true);
    // The place is free again.
    expect(await stored(folder.at('in'))).toBe(folder.at('in/a (1).txt'));
  });
});

describe('a disk that fails', () => {
  test.each(['write', 'sync', 'truncate'] as const)('at %s: the part stays, the place is free', async (method) => {
    const folder = new TempFolder();
    vi.spyOn(await fileMethods(), method).mockRejectedValueOnce(diskError('ENOSPC'));
    const { sender, receiver } = await refused(folder.path);
    expect(receiver).toMatchObject({ code: 'CANCELED', appCode: 'ENOSPC' });
    expect(receiver.message).toContain('the disk says no');
    expect((receiver.cause as NodeJS.ErrnoException).code).toBe('ENOSPC');
    expect(sender).toMatchObject({
      code: 'CANCELED',
      appCode: 'ENOSPC',
      message: 'the other side could not store the file (ENOSPC)',
    });
    expect(folder.names()).toEqual(['a.txt.part']);
    await stored(folder.path);
    expect(folder.names()).toEqual(['a.txt']);
  });

  test('at a write in the middle of a large file', async () => {
    const folder = new TempFolder();
    const methods = await fileMethods();
    const write = methods.write;
    let writes = 0;
    vi.spyOn(methods, 'write').mockImplementation(function (this: fs.FileHandle, ...args: never[]) {
      return ++writes === 3 ? Promise.reject(diskError('EIO')) : Reflect.apply(write, this, args);
    } as never);
    const { sender, receiver } = await refused(folder.path, seededFile(13, 5_000_000, 'a.txt'));
    expect([sender.appCode, receiver.appCode]).toEqual(['EIO', 'EIO']);
    const part = folder.read('a.txt.part');
    expect(part.equals(seededBytes(13, 0, part.length))).toBe(true);
    expect(part.length).toBe(2 * 512 * 1024);
  });

  test('at the last moment: somebody has made a folder of that name', async () => {
    const folder = new TempFolder();
    const ends = duplexPair();
    const received = receiveFile(ends[1], folder.at('copy'), {
      onProgress: ({ receivedBytes }) => receivedBytes === 5 && mkdirSync(folder.at('copy')),
    });
    const { sender, receiver } = await failures(ends, sendFile(ends[0], file()), received);
    expect([sender.appCode, receiver.appCode]).toEqual(['EISDIR', 'EISDIR']);
    expect(folder.read('copy.part').toString()).toBe('hello');
  });

  test("a page's file that takes no more, or cannot be closed", async () => {
    const quota = new DOMException('no room', 'QuotaExceededError');
    for (const failing of [{ write: quota }, { close: quota }]) {
      const sink = new RecordingFile(failing);
      const { sender, receiver } = await refused(sink);
      expect([sender.appCode, receiver.appCode, receiver.cause]).toEqual([quota.name, quota.name, quota]);
      expect(sink.calls.at(-1)).toBe('abort');
    }
  });
});

describe('where a file cannot have two names', () => {
  test('the offered one is reserved, and taken by a rename', async () => {
    const folder = new TempFolder();
    folder.write('a.txt', 'mine');
    vi.spyOn(fs, 'link').mockRejectedValue(diskError('EPERM'));
    expect(await stored(folder.path)).toBe(folder.at('a (1).txt'));
    expect(folder.read('a.txt').toString()).toBe('mine');
    expect(folder.read('a (1).txt').toString()).toBe('hello');
    expect(folder.names()).toEqual(['a (1).txt', 'a.txt']);
    expect(lstatSync(folder.at('a (1).txt')).isFile()).toBe(true);
  });

  test('another failure is one', async () => {
    const folder = new TempFolder();
    vi.spyOn(fs, 'link').mockRejectedValue(diskError('EROFS'));
    expect((await refused(folder.path)).receiver.appCode).toBe('EROFS');
  });
});
