import { type Destination, isWritableFile, type WritableFile, WritableFileSink } from './destination.js';
import { PathDestination } from './path-destination.js';

/** What can be received into: a path (Node) or a page's `FileSystemWritableFileStream`. */
export type FileDestination = string | WritableFile;

/** @throws TypeError when it is neither */
export function toDestination(destination: FileDestination): Destination {
  if (typeof destination === 'string' && destination !== '') return new PathDestination(destination);
  if (isWritableFile(destination)) return { open: async () => new WritableFileSink(destination) };
  throw new TypeError('a file is received into a path, or a FileSystemWritableFileStream');
}
