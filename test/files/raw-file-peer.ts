import type { Duplex } from 'node:stream';
import { deferred } from '../support/until.js';

const CONTROL = 1;
const DATA = 2;

/** One side of a transfer by hand, for those that do not keep to the rules. */
export class RawFilePeer {
  private bytes = Buffer.alloc(0);
  private wake = deferred();
  /** Bytes of data messages that came. */
  dataBytes = 0;

  constructor(
    readonly stream: Duplex,
    private readonly options: { maxWriteBytes?: number; staysOpen?: boolean } = {},
  ) {
    stream.on('error', () => {});
    stream.on('end', () => options.staysOpen || stream.end());
    stream.on('data', (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
      this.wake.resolve();
      this.wake = deferred();
    });
  }

  say(message: unknown): void {
    this.frame(CONTROL, Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
  }

  send(bytes: Uint8Array): void {
    this.frame(DATA, bytes);
  }

  frame(type: number, bytes: Uint8Array, announcedLength = bytes.length): void {
    const header = Buffer.alloc(5);
    header[0] = type;
    header.writeUInt32BE(announcedLength, 1);
    const frame = Buffer.concat([header, bytes]);
    const { maxWriteBytes = frame.length } = this.options;
    for (let at = 0; at < frame.length; at += maxWriteBytes) this.stream.write(frame.subarray(at, at + maxWriteBytes));
  }

  /** The next JSON message; data before it is counted. */
  async hear(): Promise<Record<string, unknown>> {
    for (;;) {
      const { type, bytes } = await this.take();
      if (type === CONTROL) return JSON.parse(bytes.toString());
      this.dataBytes += bytes.length;
    }
  }

  private async take(): Promise<{ type: number; bytes: Buffer }> {
    for (;;) {
      const end = this.bytes.length < 5 ? Number.POSITIVE_INFINITY : 5 + this.bytes.readUInt32BE(1);
      if (this.bytes.length >= end) {
        const message = { type: this.bytes[0] as number, bytes: this.bytes.subarray(5, end) };
        this.bytes = this.bytes.subarray(end);
        return message;
      }
      await this.wake.promise;
    }
  }
}

export function offerOf(size: number, name = 'file.bin'): Record<string, unknown> {
  return { version: 1, name, size, type: '' };
}
