import type { ByteStream } from '../carriers/carrier.js';

/** Reads what comes back on a stream, so many bytes at a time. One reader at a time. */
export class ReplyReader {
  private bytes = Buffer.alloc(0);
  private wanted: { count: number; resolve: (bytes: Buffer) => void } | undefined;

  constructor(stream: ByteStream) {
    stream.onData((bytes) => {
      this.bytes = this.bytes.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.bytes, bytes]);
      this.settle();
    });
  }

  read(count: number): Promise<Buffer> {
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
