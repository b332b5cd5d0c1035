import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { TrunklineError } from '../protocol/errors.js';
import type { ByteSource } from './byte-source.js';
import { tryToRead } from './failures.js';

/** A file of this computer. Node only. */
export class PathSource implements ByteSource {
  readonly type = '';

  private constructor(
    private readonly handle: FileHandle,
    readonly name: string,
    readonly sizeBytes: number,
    readonly modifiedMs: number,
  ) {}

  /** @throws TrunklineError CANCELED when it cannot be read, or is no file */
  static async open(path: string): Promise<PathSource> {
    // Opening a pipe would wait for somebody who writes to it.
    const handle = await tryToRead(open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)));
    try {
      const stats = await tryToRead(handle.stat());
      if (!stats.isFile())
        throw new TrunklineError('CANCELED', 'what was to be sent is no file', { appCode: 'EISDIR' });
      return new PathSource(handle, basename(path), stats.size, Math.round(stats.mtimeMs));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await tryToRead(this.handle.read(buffer, filled, length - filled, offset + filled));
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}
