import { TrunklineError } from '../protocol/errors.js';
import { tryToStore } from './failures.js';
import { Hasher } from './hasher.js';

/** Where a file is written to, from its first message to its last. Exactly one of `store`, `keep` and `discard` ends it. */
export interface Sink {
  /** What is there of an interrupted transfer. */
  readonly heldBytes: number;
  /** Of all that is held. `check` is called now and then, and throws when it is no longer wanted. */
  hashHeld(check: () => void): Promise<Hasher>;
  /** Goes on there: 0, or behind what is held. */
  startAt(offset: number): Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
  /** Makes it the file it is to be; resolves with its path, where there is one. */
  store(): Promise<string | undefined>;
  /** Leaves what has come for another try. */
  keep(): Promise<void>;
  discard(): Promise<void>;
}

export interface Destination {
  /** @param name made safe */
  open(name: string, sizeBytes: number): Promise<Sink>;
}

/** As much of a page's `FileSystemWritableFileStream` as is needed. What it is given shows once it is closed. */
export interface WritableFile {
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  close(): Promise<void>;
  abort(reason?: unknown): Promise<void>;
}

export function isWritableFile(value: unknown): value is WritableFile {
  const { write, close, abort } = (value ?? {}) as Partial<WritableFile>;
  return [write, close, abort].every((method) => typeof method === 'function');
}

/** Has nothing of an interrupted transfer: what was written to such a file is gone unless it is closed. */
export class WritableFileSink implements Sink {
  readonly heldBytes = 0;

  constructor(private readonly file: WritableFile) {}

  async hashHeld(): Promise<Hasher> {
    return new Hasher();
  }

  async startAt(): Promise<void> {}

  async write(bytes: Uint8Array): Promise<void> {
    await tryToStore(this.file.write(bytes as Uint8Array<ArrayBuffer>));
  }

  async store(): Promise<undefined> {
    await tryToStore(this.file.close());
  }

  async keep(): Promise<void> {
    await this.discard();
  }

  async discard(): Promise<void> {
    // One whose write failed has aborted itself, and says so.
    await this.file.abort(new TrunklineError('CANCELED', 'the transfer failed')).catch(() => {});
  }
}
