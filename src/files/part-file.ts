import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { TrunklineError } from '../protocol/errors.js';
import { tryToStore } from './failures.js';
import { Hasher } from './hasher.js';

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
/** What a half file shows is nobody else's business. */
const MODE = 0o600;
/** Written at once; there are two of it, one of which fills while the other is written. */
const BUFFER_BYTES = 512 * 1024;
const READ_BYTES = 1024 * 1024;

/** The file as far as it has come. Node only. */
export class PartFile {
  private filling: Buffer;
  private spare: Buffer;
  private filledBytes = 0;
  private writtenTo: number;
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    readonly heldBytes: number,
    sizeBytes: number,
  ) {
    const bufferBytes = Math.max(1, Math.min(BUFFER_BYTES, sizeBytes));
    this.filling = Buffer.allocUnsafe(bufferBytes);
    this.spare = Buffer.allocUnsafe(bufferBytes);
    this.writtenTo = heldBytes;
  }

  /** Opens what is there, or a new one; nothing but a file of its own. @param sizeBytes of the whole file */
  static async open(path: string, sizeBytes: number): Promise<PartFile> {
    const handle = await tryToStore(open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, MODE));
    try {
      const stats = await tryToStore(handle.stat());
      if (!stats.isFile()) {
        throw new TrunklineError('CANCELED', 'there is something else where the part of the file belongs', {
          appCode: 'EEXIST',
        });
      }
      if (stats.nlink === 1) return new PartFile(path, handle, stats.size, sizeBytes);
    } catch (error) {
      await handle.close();
      throw error;
    }
    // It is a file of another name as well: one that was stored when this process was killed, say.
    await handle.close();
    await tryToStore(unlink(path));
    return new PartFile(path, await tryToStore(open(path, O_RDWR | O_CREAT | O_EXCL, MODE)), 0, sizeBytes);
  }

  async hash(check: () => void): Promise<Hasher> {
    const hasher = new Hasher();
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(READ_BYTES, this.heldBytes)));
    for (let offset = 0; offset < this.heldBytes; ) {
      check();
      const { bytesRead } = await tryToStore(this.handle.read(buffer, 0, buffer.length, offset));
      if (bytesRead === 0) throw new TrunklineError('CANCELED', 'somebody else changes the part of the file');
      hasher.update(buffer.subarray(0, bytesRead));
      offset += bytesRead;
    }
    return hasher;
  }

  async truncate(sizeBytes: number): Promise<void> {
    await tryToStore(this.handle.truncate(sizeBytes));
    this.writtenTo = sizeBytes;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.filling.length - this.filledBytes);
      this.filling.set(part, this.filledBytes);
      this.filledBytes += part.length;
      at += part.length;
      if (this.filledBytes === this.filling.length) await this.turn();
    }
  }

  /** Everything is on the disk when it resolves. */
  async sync(): Promise<void> {
    await this.flush();
    await tryToStore(this.handle.sync());
  }

  async flush(): Promise<void> {
    await this.turn();
    await this.writing;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private async turn(): Promise<void> {
    await this.writing;
    const full = this.filling.subarray(0, this.filledBytes);
    [this.filling, this.spare] = [this.spare, this.filling];
    this.filledBytes = 0;
    this.writing = this.writeAll(full);
    // Whoever waits for it next is told.
    this.writing.catch(() => {});
  }

  private async writeAll(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await tryToStore(this.handle.write(bytes, at, bytes.length - at, this.writtenTo));
      at += bytesWritten;
      this.writtenTo += bytesWritten;
    }
  }
}
