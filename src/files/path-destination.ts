import type { Stats } from 'node:fs';
import { link, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TrunklineError } from '../protocol/errors.js';
import type { Destination, Sink } from './destination.js';
import { localFailure, tryToStore } from './failures.js';
import type { Hasher } from './hasher.js';
import { PartFile } from './part-file.js';
import { lockPart } from './part-locks.js';
import { numberedName, partName } from './safe-name.js';

/** Where a second name for a file cannot be made. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** A folder, and the name that the file is to have in it. */
interface Place {
  folder: string;
  name: string;
  /** The other side chose the name: it takes nobody's place. */
  isOffered: boolean;
}

/** A file's own path, or a folder that takes it under the name that was offered. Node only. */
export class PathDestination implements Destination {
  constructor(private readonly path: string) {}

  async open(name: string, sizeBytes: number): Promise<Sink> {
    const place = await tryToStore(findPlace(this.path, name));
    const partPath = join(place.folder, partName(place.name));
    const unlock = await lockPart(partPath);
    try {
      return new PathSink(place, await PartFile.open(partPath, sizeBytes), unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }
}

async function findPlace(path: string, offeredName: string): Promise<Place> {
  const there = await statOf(path);
  if (there?.isDirectory()) return { folder: await realpath(path), name: offeredName, isOffered: true };
  if (there && !there.isFile())
    throw new TrunklineError('CANCELED', 'the destination is no file', { appCode: 'EEXIST' });
  const own = resolve(path);
  return { folder: await realpath(dirname(own)), name: basename(own), isOffered: false };
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    // `folder/` was meant as a folder.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !/[/\\]$/.test(path)) return undefined;
    throw error;
  }
}

class PathSink implements Sink {
  constructor(
    private readonly place: Place,
    private readonly part: PartFile,
    private readonly unlock: () => Promise<void>,
  ) {}

  get heldBytes(): number {
    return this.part.heldBytes;
  }

  async hashHeld(check: () => void): Promise<Hasher> {
    return await this.part.hash(check);
  }

  async startAt(offset: number): Promise<void> {
    await this.part.truncate(offset);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.part.append(bytes);
  }

  /** In that order: a name that is seen stands for bytes that are on the disk. */
  async store(): Promise<string> {
    await this.part.sync();
    const path = this.place.isOffered ? await this.takeFreeName() : await this.takeOwnName();
    await this.part.close();
    await syncFolder(this.place.folder);
    await this.unlock();
    return path;
  }

  async keep(): Promise<void> {
    try {
      await this.part.flush();
    } catch (error) {
      // What failed is told already; a shorter part is as good.
      if (!(error instanceof TrunklineError)) throw error;
    } finally {
      await this.close();
    }
  }

  private async close(): Promise<void> {
    try {
      await this.part.close();
    } finally {
      await this.unlock();
    }
  }

  async discard(): Promise<void> {
    try {
      await this.part.close();
      await tryToStore(unlink(this.part.path));
    } finally {
      await this.unlock();
    }
  }

  private async takeOwnName(): Promise<string> {
    const path = join(this.place.folder, this.place.name);
    await tryToStore(rename(this.part.path, path));
    return path;
  }

  private async takeFreeName(): Promise<string> {
    for (let number = 0; ; number++) {
      const path = join(this.place.folder, numberedName(this.place.name, number));
      if (await this.takeIfFree(path)) return path;
    }
  }

  /** A rename would take the place of what is there; a link does not. */
  private async takeIfFree(path: string): Promise<boolean> {
    try {
      await link(this.part.path, path);
    } catch (cause) {
      const { code = '' } = cause as NodeJS.ErrnoException;
      if (code === 'EEXIST') return false;
      if (NO_LINKS.includes(code)) return await this.takeReserved(path);
      throw localFailure('could not store the file', cause);
    }
    await tryToStore(unlink(this.part.path));
    return true;
  }

  /** The second best: an empty file holds the name for a moment. */
  private async takeReserved(path: string): Promise<boolean> {
    try {
      await (await open(path, 'wx')).close();
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw localFailure('could not store the file', cause);
    }
    await tryToStore(rename(this.part.path, path));
    return true;
  }
}

/** So that the name outlasts a power cut as well. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // Windows and some network file systems cannot, and the file is stored all the same.
  }
}
