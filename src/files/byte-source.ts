import { localFailure } from './failures.js';

/** A file that can be read anywhere, as often as needed. */
export interface ByteSource {
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number | undefined;
  /** From there on; fewer bytes than asked for only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** As much of a `Blob` or `File` as is needed, whoever made it. */
export interface BlobLike {
  readonly size: number;
  readonly type: string;
  /** Of a `File`. */
  readonly name?: string;
  /** Of a `File`: milliseconds since 1970. */
  readonly lastModified?: number;
  slice(start?: number, end?: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

export function isBlobLike(value: unknown): value is BlobLike {
  const { size, slice } = (value ?? {}) as Partial<BlobLike>;
  return typeof size === 'number' && typeof slice === 'function';
}

export class BlobSource implements ByteSource {
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number | undefined;

  constructor(private readonly blob: BlobLike) {
    this.name = blob.name ?? '';
    this.type = blob.type;
    this.sizeBytes = blob.size;
    this.modifiedMs = blob.lastModified;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    try {
      return new Uint8Array(await this.blob.slice(offset, offset + length).arrayBuffer());
    } catch (cause) {
      throw localFailure('could not read the file', cause);
    }
  }

  async close(): Promise<void> {}
}
