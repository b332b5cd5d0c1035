import type { Duplex } from '../runtime/node-stream.js';

/**
 * Reads a stream by exact lengths, at the reader's pace: what is not asked for stays in the stream's own buffer, but for one
 * chunk. What has come is handed out even after the stream has failed.
 */
export class ByteReader {
  private chunks: Uint8Array[] = [];
  private heldBytes = 0;
  private ended: Error | undefined;
  private wake: (() => void) | undefined;

  constructor(private readonly stream: Duplex) {}

  /** True once there is nothing more to come, and nothing left. */
  get isSpent(): boolean {
    return this.ended !== undefined && this.heldBytes === 0;
  }

  /** To be called whenever the stream may have more. One chunk ahead is what shows its end to somebody who does not read. */
  poke(): void {
    if (this.heldBytes === 0) this.pull();
    this.wake?.();
  }

  /** Nothing comes any more: who waits for more than there is gets this error. */
  end(error: Error): void {
    this.ended ??= error;
    this.wake?.();
  }

  /** Stops a reader that waits, now. */
  interrupt(): void {
    this.wake?.();
  }

  /** Exactly as many. */
  async take(length: number, check: () => void): Promise<Uint8Array> {
    while (this.heldBytes < length) await this.more(check);
    const [first] = this.chunks as [Uint8Array];
    if (first.length >= length) return this.takeOfFirst(length);
    const taken = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const part = this.takeOfFirst(length - at);
      taken.set(part, at);
      at += part.length;
    }
    return taken;
  }

  /** What there is, at least one byte and at most so many, without a copy. */
  async takeSome(maxBytes: number, check: () => void): Promise<Uint8Array> {
    while (this.heldBytes === 0) await this.more(check);
    return this.takeOfFirst(maxBytes);
  }

  /** Forgets what is there and what comes. */
  discard(): number {
    let bytes = this.heldBytes;
    this.chunks = [];
    this.heldBytes = 0;
    for (let chunk = this.read(); chunk !== null; chunk = this.read()) bytes += chunk.length;
    return bytes;
  }

  private async more(check: () => void): Promise<void> {
    check();
    if (this.pull()) return;
    if (this.ended) throw this.ended;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    this.wake = undefined;
    check();
  }

  private pull(): boolean {
    const chunk = this.read();
    if (chunk === null) return false;
    this.chunks.push(chunk);
    this.heldBytes += chunk.length;
    return true;
  }

  private read(): Uint8Array | null {
    return this.stream.read();
  }

  private takeOfFirst(maxBytes: number): Uint8Array {
    const first = this.chunks[0] as Uint8Array;
    if (first.length <= maxBytes) this.chunks.shift();
    else this.chunks[0] = first.subarray(maxBytes);
    const taken = first.subarray(0, maxBytes);
    this.heldBytes -= taken.length;
    return taken;
  }
}
