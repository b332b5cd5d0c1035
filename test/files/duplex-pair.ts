import { Duplex } from 'node:stream';

/**
 * Two ends of a pipe in this process, as two sockets are: what one writes the other reads, at its pace; one that is destroyed
 * resets the other, which is not told why.
 */
class PipeEnd extends Duplex {
  private peer!: PipeEnd;
  private whenRead: (() => void) | undefined;
  /** Written on this end since the start. */
  writtenBytes = 0;

  static pair(highWaterMark: number): [PipeEnd, PipeEnd] {
    const ends = [new PipeEnd({ highWaterMark }), new PipeEnd({ highWaterMark })] as [PipeEnd, PipeEnd];
    ends[0].peer = ends[1];
    ends[1].peer = ends[0];
    return ends;
  }

  override _read(): void {
    const whenRead = this.whenRead;
    this.whenRead = undefined;
    whenRead?.();
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.writtenBytes += chunk.length;
    if (this.peer.push(chunk)) callback();
    else this.peer.whenRead = callback;
  }

  override _final(callback: () => void): void {
    this.peer.push(null);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    callback(error);
    const isOrderly = this.readableEnded && this.writableFinished;
    if (isOrderly || this.peer.destroyed) return;
    process.nextTick(() =>
      this.peer.destroy(Object.assign(new Error('reset by the other end'), { code: 'ECONNRESET' })),
    );
  }
}

export type { PipeEnd };

export function duplexPair(highWaterMark = 64 * 1024): [PipeEnd, PipeEnd] {
  return PipeEnd.pair(highWaterMark);
}
