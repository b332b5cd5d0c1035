import { createHash, randomUUID } from 'node:crypto';
import { readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { TrunklineError } from '../protocol/errors.js';
import { localFailure } from './failures.js';

const held = new Set<string>();

/**
 * One transfer at a time writes to a part: two in this process are told apart by its path, and those of two processes by a
 * file beside it, which whoever died without giving it back leaves behind for the next one to find. Returns how to give it back.
 * @throws TrunklineError REFUSED when another has it
 */
export async function lockPart(path: string): Promise<() => Promise<void>> {
  // These two take names that differ only in case, or in how an accent is written, for the same.
  const isFolded = process.platform === 'darwin' || process.platform === 'win32';
  const key = isFolded ? path.normalize('NFC').toLowerCase() : path;
  if (held.has(key)) throw busy();
  held.add(key);
  // A name of its own: the part's may be as long as names can be.
  const digest = createHash('sha256').update(basename(key)).digest('hex').slice(0, 16);
  const lockPath = join(dirname(path), `.trunkline-${digest}.lock`);
  try {
    await takeLock(lockPath);
  } catch (error) {
    held.delete(key);
    throw error;
  }
  return async () => {
    await unlink(lockPath).catch(ignoreGone);
    held.delete(key);
  };
}

const WRITING_MS = 10_000;

interface Owner {
  pid: number;
  host: string;
}

async function takeLock(path: string): Promise<void> {
  const owner: Owner = { pid: process.pid, host: hostname() };
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      return await writeFile(path, JSON.stringify(owner), { flag: 'wx', mode: 0o600 });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw localFailure('could not lock the file', cause);
    }
    if (!(await removeStale(path))) break;
  }
  throw busy();
}

/** Renamed first: of several that find it stale, one alone gets it, and nobody's new one is taken for the old one. */
async function removeStale(path: string): Promise<boolean> {
  if (await isAlive(path)) return false;
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    ignoreGone(error);
    return true;
  }
  const isOfSomebodyElse = await isAlive(aside);
  if (isOfSomebodyElse) await rename(aside, path);
  else await unlink(aside);
  return !isOfSomebodyElse;
}

/** Whether its owner may still be at work. Of another machine's nobody here can tell. */
async function isAlive(path: string): Promise<boolean> {
  try {
    const { pid, host } = JSON.parse(await readFile(path, 'utf8')) as Partial<Owner>;
    if (host !== hostname() || typeof pid !== 'number') return true;
    return pid !== process.pid && isRunning(pid);
  } catch (error) {
    if (error instanceof SyntaxError) return await isBeingWritten(path);
    ignoreGone(error);
    return false;
  }
}

/** Whoever died between making it and writing to it did so long ago. */
async function isBeingWritten(path: string): Promise<boolean> {
  const { mtimeMs } = await stat(path);
  return Date.now() - mtimeMs < WRITING_MS;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function ignoreGone(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

function busy(): TrunklineError {
  return new TrunklineError('REFUSED', 'that file is being received already', { appCode: 'EBUSY', retryable: true });
}
