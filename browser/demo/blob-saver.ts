import type { Saver } from './saver.js';

/** A browser may keep a finished Blob on disk, but not loose arrays: they are turned into Blobs as they come. */
const PART_BYTES = 8 * 1024 * 1024;

/** Gathers the file in the browser's Blob storage and hands it over as an ordinary download. */
export class BlobSaver implements Saver {
  readonly whereText = 'The file is in your downloads.';
  again: { href: string; fileName: string } | undefined;
  private readonly parts: Blob[] = [];
  private loose: Uint8Array<ArrayBuffer>[] = [];
  private looseBytes = 0;

  constructor(private readonly fileName: string) {}

  async write(bytes: Uint8Array): Promise<void> {
    this.loose.push(bytes as Uint8Array<ArrayBuffer>);
    this.looseBytes += bytes.length;
    if (this.looseBytes >= PART_BYTES) this.foldLoose();
  }

  async save(): Promise<void> {
    this.foldLoose();
    // Not the type the sender claims: the browser must never show this as a page of this site.
    const blob = new Blob(this.parts, { type: 'application/octet-stream' });
    this.again = { href: URL.createObjectURL(blob), fileName: this.fileName };
    const link = document.createElement('a');
    link.href = this.again.href;
    link.download = this.fileName;
    link.click();
  }

  async discard(): Promise<void> {
    this.parts.length = 0;
    this.loose = [];
    if (this.again) URL.revokeObjectURL(this.again.href);
    this.again = undefined;
  }

  private foldLoose(): void {
    this.parts.push(new Blob(this.loose));
    this.loose = [];
    this.looseBytes = 0;
  }
}
