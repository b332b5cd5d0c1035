import type { PageStream } from './line.js';

/** Reads what comes back on a stream, so many bytes at a time. One reader at a time. */
export class ReplyReader {
  private bytes = new Uint8Array();
  private wanted: { count: number; resolve: (bytes: Uint8Array) => void } | undefined;

  constructor(stream: PageStream) {
    stream.onData((bytes) => {
      const joined = new Uint8Array(this.bytes.length + bytes.length);
      joined.set(this.bytes);
      joined.set(bytes, this.bytes.length);
      this.bytes = joined;
      this.settle();
    });
  }

  read(count: number): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.wanted = { count, resolve };
      this.settle();
    });
  }

  private settle(): void {
    const { wanted } = this;
    if (wanted === undefined || this.bytes.length < wanted.count) return;
    this.wanted = undefined;
    const taken = this.bytes.subarray(0, wanted.count);
    this.bytes = this.bytes.subarray(wanted.count);
    wanted.resolve(taken);
  }
}
