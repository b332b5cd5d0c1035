import type { Saver } from './saver.js';

/** The part of the File System Access API used here; TypeScript's own library does not have the dialog. */
interface PickedFile {
  createWritable(): Promise<FileSystemWritableFileStream>;
  getFile(): Promise<File>;
  remove?(): Promise<void>;
}
type ShowSaveFilePicker = (options: { suggestedName: string }) => Promise<PickedFile>;

/** Asks where to put the file, so that it can stream to disk however large it is. */
export async function pickDiskSaver(fileName: string): Promise<Saver | 'canceled' | 'unsupported'> {
  const { showSaveFilePicker } = globalThis as { showSaveFilePicker?: ShowSaveFilePicker };
  if (showSaveFilePicker === undefined) return 'unsupported';
  try {
    const picked = await showSaveFilePicker({ suggestedName: fileName });
    return new DiskSaver(picked, await picked.createWritable());
  } catch (error) {
    // A page in a frame, or without a fresh click, may not ask; that is no reason not to download.
    return error instanceof DOMException && error.name === 'AbortError' ? 'canceled' : 'unsupported';
  }
}

class DiskSaver implements Saver {
  readonly whereText = 'The file is where you put it.';
  readonly again = undefined;

  constructor(
    private readonly picked: PickedFile,
    private readonly writable: FileSystemWritableFileStream,
  ) {}

  write(bytes: Uint8Array): Promise<void> {
    return this.writable.write(bytes as Uint8Array<ArrayBuffer>);
  }

  /** The browser writes beside the file until now, and puts it in place. */
  save(): Promise<void> {
    return this.writable.close();
  }

  async discard(): Promise<void> {
    await this.writable.abort().catch(() => {});
    const file = await this.picked.getFile().catch(() => undefined);
    if (file?.size === 0) await this.picked.remove?.().catch(() => {});
  }
}
