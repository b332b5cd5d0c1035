import { DEFAULT_LIMITS } from '../protocol/limits.js';
import type { StreamCore } from './stream.js';
import type { StreamDeadlines } from './stream-deadlines.js';
import type { TunnelConnections } from './tunnel-connections.js';

/** Streams that are to be opened: at once, or when there is a connection that takes them and room for one more. */
export class OpenQueue {
  private readonly waiting = new Set<StreamCore>();
  /** Connects the relay has not answered: of these it allows so many. */
  private readonly pendingConnects = new Set<StreamCore>();

  constructor(
    private readonly connections: TunnelConnections,
    private readonly deadlines: StreamDeadlines,
    /** Opens it; returns false when that could not be done and the stream has failed. */
    private readonly start: (stream: StreamCore) => boolean,
  ) {}

  /** The peer allows one more. Those that linger will be free without anybody's doing. */
  get hasRoom(): boolean {
    return this.openCount - this.deadlines.lingeringCount < this.connections.peerLimits.maxStreams;
  }

  /** Streams that have an id, or will ask for one. */
  private get openCount(): number {
    return this.localStreamCount + this.waiting.size + this.deadlines.suspensions.withoutPlaceCount;
  }

  private get localStreamCount(): number {
    return this.connections.current?.localStreamCount ?? 0;
  }

  add(stream: StreamCore): void {
    if (this.mustWait(stream)) this.waiting.add(stream);
    else this.open(stream);
  }

  /** Room may have become free. */
  advance(): void {
    for (const stream of this.waiting) {
      if (!this.connections.takesFirstOpens) return;
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
    if (!this.connections.takesFirstOpens || this.isFull) return true;
    return stream.target.kind === 'connect' && this.pendingConnects.size >= this.maxPendingConnects;
  }

  /** All ids are taken, and some will be free without anybody's doing. */
  private get isFull(): boolean {
    const { maxStreams } = this.connections.peerLimits;
    return this.localStreamCount >= maxStreams && this.deadlines.lingeringCount > 0;
  }

  /** Until the relay says otherwise, its defaults are assumed. */
  private get maxPendingConnects(): number {
    const { current, peerLimits } = this.connections;
    return (current?.isOpen ? peerLimits : DEFAULT_LIMITS).maxPendingConnects;
  }
}
