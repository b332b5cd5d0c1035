import type { TunnelStream } from '../../src/index.js';
import { bytesAt } from '../support/exchange.js';
import { deferred } from '../support/until.js';

/** Reads a stream to its end, and destroys it at the first byte that is not the one due. */
export class CheckedReader {
  /** Of those that were right. */
  bytes = 0;
  private goal: { atBytes: number; reached: () => void } | undefined;

  constructor(
    private readonly stream: TunnelStream,
    private readonly seed: number,
    private readonly onBytes: (length: number, total: number) => void,
  ) {
    stream.on('data', (chunk: Buffer) => this.check(chunk));
    stream.once('close', () => this.goal?.reached());
  }

  /** Resolves when so many have come, or when no more will. */
  reached(atBytes: number): Promise<void> {
    if (this.bytes >= atBytes || this.stream.destroyed) return Promise.resolve();
    const { promise, resolve } = deferred();
    this.goal = { atBytes, reached: resolve };
    return promise;
  }

  private check(chunk: Buffer): void {
    if (this.stream.destroyed) return;
    const expected = bytesAt(this.seed, this.bytes, chunk.length);
    if (!expected.equals(chunk)) {
      const at = this.bytes + chunk.findIndex((byte, index) => byte !== expected[index]);
      const error = new Error(`stream ${this.stream.uid}, seed ${this.seed}: byte ${at} is not the one due`);
      this.stream.destroy(Object.assign(error, { code: 'WRONG_BYTE' }));
      return;
    }
    this.bytes += chunk.length;
    this.onBytes(chunk.length, this.bytes);
    if (this.goal && this.bytes >= this.goal.atBytes) this.goal.reached();
  }
}
