import type { StreamCore, StreamEvent } from '../../src/core/stream.js';
import { type ModelStream, Violation } from './model-stream.js';
import type { ModelTunnel } from './model-tunnel.js';

/** A client's end of a stream, and between whom it is. */
export interface Connect {
  stream: ModelStream;
  from: ModelTunnel;
  to: ModelTunnel;
}

/** Who connects to whom, how often that may be offered, and what becomes of one that is accepted more than once. */
export class ModelConnects {
  private readonly connects = new Map<string, Connect>();
  /** Accepted when the same had been accepted before. */
  private readonly duplicates = new Set<StreamCore>();
  /** Accepted when the same had been accepted before and was over. */
  private readonly stale = new Set<StreamCore>();

  constructor(private readonly mayBeOfferedAgain: (accepted: ModelStream) => boolean) {}

  add(connect: Connect): void {
    this.connects.set(connect.stream.core.uid, connect);
  }

  of(uid: string): Connect {
    const connect = this.connects.get(uid);
    if (connect === undefined) throw new Violation('a stream without a client');
    return connect;
  }

  /** One whose acceptance never reached the client may be offered again. */
  checkOffer(uid: string, tunnel: ModelTunnel): void {
    const { to, stream } = this.of(uid);
    if (to !== tunnel) throw new Violation('an offer that is not for this listener');
    if (stream.other && this.isTaken(stream.other)) throw new Violation(`one connect was offered twice: ${uid}`);
  }

  private isTaken(accepted: ModelStream): boolean {
    return accepted.hasOpened && !this.mayBeOfferedAgain(accepted);
  }

  /** The application was slow: meanwhile the same connect was offered again. The stream that it has goes on. */
  isAcceptedTooOften({ other }: ModelStream, core: StreamCore): boolean {
    if (other === undefined) return false;
    if (other.isLive && !core.isClosed) throw new Violation('one connect was accepted twice');
    if (other.isLive) this.duplicates.add(core);
    else if (this.isTaken(other)) this.stale.add(core);
    return other.isLive || this.isTaken(other);
  }

  /** Whether the event is of an acceptance that came to nothing. */
  hears(core: StreamCore, { type }: StreamEvent): boolean {
    if (this.duplicates.has(core) && type !== 'failed') throw new Violation(`${type} on what was accepted twice`);
    if (this.stale.has(core) && (type === 'opened' || type === 'data'))
      throw new Violation(`${type} on what was accepted too late`);
    return this.duplicates.has(core) || this.stale.has(core);
  }
}
