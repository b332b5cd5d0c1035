import type { StreamCore } from './stream.js';

/** What there is room for now. */
export interface Room {
  /** There is a connection, and it takes what is opened. */
  isReady: boolean;
  /** Its ids are all taken, and some will be free without anybody's doing. */
  isFull: boolean;
  maxPendingConnects: number;
}

/** Streams that are to be opened: at once, or when there is a connection that takes them and room for one more. */
export class OpenQueue {
  private readonly waiting = new Set<StreamCore>();
  /** Connects the relay has not answered: of these it allows so many. */
  private readonly pendingConnects = new Set<StreamCore>();

  constructor(
    private readonly room: () => Room,
    /** Opens it; returns false when that could not be done and the stream has failed. */
    private readonly start: (stream: StreamCore) => boolean,
  ) {}

  get waitingCount(): number {
    return this.waiting.size;
  }

  add(stream: StreamCore): void {
    if (this.mustWait(stream)) this.waiting.add(stream);
    else this.open(stream);
  }

  /** Room may have become free. */
  advance(): void {
    for (const stream of this.waiting) {
      if (!this.room().isReady) return;
      if (this.mustWait(stream)) continue;
      this.waiting.delete(stream);
      this.open(stream);
    }
  }

  /** Its OPEN has been answered, one way or the other. */
  answered(stream: StreamCore): void {
    if (this.pendingConnects.delete(stream)) this.advance();
  }

  remove(stream: StreamCore): void {
    this.waiting.delete(stream);
    this.pendingConnects.delete(stream);
  }

  private open(stream: StreamCore): void {
    // Counted behind its start: one that fails to start must not start the next from within.
    if (this.start(stream) && stream.target.kind === 'connect') this.pendingConnects.add(stream);
  }

  private mustWait(stream: StreamCore): boolean {
    const { isReady, isFull, maxPendingConnects } = this.room();
    if (!isReady || isFull) return true;
    return stream.target.kind === 'connect' && this.pendingConnects.size >= maxPendingConnects;
  }
}
