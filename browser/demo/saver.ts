import { BlobSaver } from './blob-saver.js';
import { pickDiskSaver } from './disk-saver.js';

/** Where a download's bytes go. Nothing is visible to the user before `save()`. */
export interface Saver {
  write(bytes: Uint8Array): Promise<void>;
  save(): Promise<void>;
  discard(): Promise<void>;
  /** Where the user finds it, as a sentence. */
  readonly whereText: string;
  /** A link to save it once more, where the bytes are still at hand. */
  readonly again: { href: string; fileName: string } | undefined;
}

/** Up to here a file goes where downloads always go, without a question. A larger one would fill the memory. */
const ASK_WHERE_FROM_BYTES = 256 * 1024 * 1024;

/**
 * To be called straight from the click: the browser lets a page ask for a place on disk only then.
 * @returns undefined if the user closed the dialog
 */
export async function chooseSaver(fileName: string, size: number): Promise<Saver | undefined> {
  if (size < ASK_WHERE_FROM_BYTES) return new BlobSaver(fileName);
  const disk = await pickDiskSaver(fileName);
  if (disk === 'canceled') return undefined;
  return disk === 'unsupported' ? new BlobSaver(fileName) : disk;
}
