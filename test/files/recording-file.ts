import { deferred } from '../support/until.js';

/** What a page's `FileSystemWritableFileStream` is asked to do. */
export class RecordingFile {
  readonly calls: string[] = [];
  private readonly parts: Buffer[] = [];
  /** Writes wait for it, once it is set. */
  gate: Promise<void> | undefined;
  writtenBytes = 0;

  constructor(private readonly failing: { write?: Error; close?: Error } = {}) {}

  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.calls.push('write');
    if (this.failing.write) throw this.failing.write;
    await this.gate;
    this.parts.push(Buffer.from(bytes));
    this.writtenBytes += bytes.length;
  }

  async close(): Promise<void> {
    this.calls.push('close');
    if (this.failing.close) throw this.failing.close;
  }

  async abort(): Promise<void> {
    this.calls.push('abort');
  }

  /** Holds what is written from now on; returns how to let it go on. */
  hold(): () => void {
    const gate = deferred();
    this.gate = gate.promise;
    return () => {
      this.gate = undefined;
      gate.resolve();
    };
  }
}
