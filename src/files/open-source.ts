import { type BlobLike, BlobSource, type ByteSource, isBlobLike } from './byte-source.js';
import { PathSource } from './path-source.js';

/** What can be sent: a path (Node), a `File` or a `Blob`. */
export type FileSource = string | BlobLike;

/** @throws TypeError when it is neither a path nor a Blob */
export function assertSource(source: FileSource): void {
  if (typeof source !== 'string' && !isBlobLike(source)) throw new TypeError('a path, a File or a Blob can be sent');
}

export async function openSource(source: FileSource): Promise<ByteSource> {
  return typeof source === 'string' ? await PathSource.open(source) : new BlobSource(source);
}
