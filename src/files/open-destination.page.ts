import { type Destination, isWritableFile, type WritableFile, WritableFileSink } from './destination.js';

export type FileDestination = string | WritableFile;

/** What a page gets in place of `open-destination.ts`: it has no paths. */
export function toDestination(destination: FileDestination): Destination {
  if (isWritableFile(destination)) return { open: async () => new WritableFileSink(destination) };
  throw new TypeError('a page receives a file into a FileSystemWritableFileStream');
}
