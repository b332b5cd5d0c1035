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
    try {
      await lockStep(unlink(lockPath).catch(ignoreGone));
    } finally {
      held.delete(key);
    }
  };
}

const WRITING_MS = 10_000;

interface Owner {
  pid: number;
  host: string;
  /** When that process began: numbers are given again, and the threads of a process share one. */
  startedMs: number;
}

/** Clocks are set, and it is computed from one; two processes of one number are further apart. */
const SAME_START_MS = 2_000;

function startOfProcess(): number {
  return Math.round(Date.now() - process.uptime() * 1000);
}

async function takeLock(path: string): Promise<void> {
  const owner: Owner = { pid: process.pid, host: hostname(), startedMs: startOfProcess() };
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      return await writeFile(path, JSON.stringify(owner), { flag: 'wx', mode: 0o600 });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw lockFailure(cause);
    }
    if (!(await lockStep(removeStale(path)))) break;
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

/** Whether its owner may still be at work. Of another machine's, or another user's, nobody here can tell. */
async function isAlive(path: string): Promise<boolean> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return !isGone(error);
  }
  const owner = parseOwner(text);
  return owner === undefined ? await isBeingWritten(path) : isAtWork(owner);
}

function parseOwner(text: string): Partial<Owner> | undefined {
  try {
    return (JSON.parse(text) as Partial<Owner> | null) ?? {};
  } catch {
    return undefined;
  }
}

function isAtWork({ pid, host, startedMs = 0 }: Partial<Owner>): boolean {
  if (host !== hostname() || typeof pid !== 'number') return true;
  if (pid !== process.pid) return isRunning(pid);
  // What this thread holds it knows; another one of this process may hold it.
  return Math.abs(startedMs - startOfProcess()) < SAME_START_MS;
}

/** Whoever died between making it and writing to it did so long ago. */
async function isBeingWritten(path: string): Promise<boolean> {
  const stats = await stat(path).catch(ignoreGone);
  return stats !== undefined && Date.now() - stats.mtimeMs < WRITING_MS;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function ignoreGone(error: unknown): undefined {
  if (!isGone(error)) throw error;
}

/** What the disk says of a lock has local paths in it, which are nobody else's business. */
async function lockStep<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw lockFailure(cause);
  }
}

function lockFailure(cause: unknown): TrunklineError {
  return localFailure('could not lock the file', cause);
}

function busy(): TrunklineError {
  return new TrunklineError('REFUSED', 'that file is being received already', { appCode: 'EBUSY', retryable: true });
}
