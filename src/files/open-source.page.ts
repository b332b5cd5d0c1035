import { type BlobLike, BlobSource, type ByteSource, isBlobLike } from './byte-source.js';

export type FileSource = string | BlobLike;

/** What a page gets in place of `open-source.ts`: it has no paths. */
export function assertSource(source: FileSource): void {
  if (!isBlobLike(source)) throw new TypeError('a page can send a File or a Blob');
}

export async function openSource(source: FileSource): Promise<ByteSource> {
  return new BlobSource(source as BlobLike);
}
