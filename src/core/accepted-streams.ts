import { TrunklineError, toErrorPayload, toTrunklineError } from '../protocol/errors.js';
import type { Offer, Open } from '../protocol/frames.js';
import type { ConnectionCore } from './connection.js';
import { unknownStream } from './continuation.js';
import type { StreamCore } from './stream.js';
import type { TunnelConnections } from './tunnel-connections.js';
import type { TunnelEvent } from './tunnel-options.js';

/** The tunnel that they are in. */
export interface AcceptedStreamsTunnel {
  /** It takes no further stream. */
  readonly isUsedUp: boolean;
  createIncoming(open: Open): StreamCore;
  suspended(stream: StreamCore): void;
  tell(event: TunnelEvent): void;
}

/**
 * Streams that somebody else opened, for their initiators to find again: at a peer by OPEN, through a relay by an offer. What
 * is opened once more is carried on, and the application is not asked twice.
 */
export class AcceptedStreams {
  private readonly streams = new Map<string, StreamCore>();

  constructor(
    private readonly connections: TunnelConnections,
    private readonly tunnel: AcceptedStreamsTunnel,
  ) {}

  get size(): number {
    return this.streams.size;
  }

  add(stream: StreamCore): void {
    this.streams.set(stream.uid, stream);
  }

  remove(stream: StreamCore): void {
    if (this.streams.get(stream.uid) === stream) this.streams.delete(stream.uid);
  }

  /** Those of which only the initiator's last word is missing, and no connection to hear it on. */
  unheard(): StreamCore[] {
    return [...this.streams.values()].filter((stream) => stream.isLingering && stream.isSuspended);
  }

  /** Nobody will come back for them. */
  forget(): void {
    for (const stream of [...this.streams.values()]) stream.fail(unknownStream());
  }

  openReceived(connection: ConnectionCore, id: number, open: Open): void {
    switch (open.target.kind) {
      case 'plain':
        return this.take(connection, id, open);
      case 'resume':
        return this.resume(connection, id, open);
      default:
        connection.refuse(id, {
          code: 'FORBIDDEN',
          reason: `this side is no relay: it does not know the target ${open.target.kind}`,
        });
    }
  }

  /** One that was opened before, and whose answer was never seen, is here already. */
  private take(connection: ConnectionCore, id: number, open: Open): void {
    const known = this.streams.get(open.uid);
    if (known?.currentPhase === 'incoming' && open.resume) this.forgetUnanswered(known);
    else if (known) return this.resume(connection, id, open);
    else if (this.tunnel.isUsedUp) return connection.refuse(id, toErrorPayload(usedUp()));
    const stream = this.tunnel.createIncoming(open);
    if (stream.isResumable) this.add(stream);
    stream.placeOn(connection, id, open);
    this.tunnel.tell({ type: 'incoming', stream, meta: open.meta });
  }

  /** The application has not taken it, and its initiator begins anew, as after a connection that is lost. */
  private forgetUnanswered(stream: StreamCore): void {
    stream.leavePlace();
    stream.fail(new TrunklineError('CONNECTION_LOST', 'it was opened again on another connection'));
  }

  private resume(connection: ConnectionCore, id: number, open: Open): void {
    try {
      const stream = this.streams.get(open.uid);
      if (stream === undefined || stream.currentPhase === 'incoming') throw unknownStream();
      stream.resumeOn(connection, id, open);
    } catch (error) {
      connection.refuse(id, toErrorPayload(toTrunklineError(error, 'INTERNAL')));
    }
    this.connections.leaveEmpty();
  }

  /** A client that never saw its ACCEPT connects again. Returns false for one that is not here. */
  acceptAgain(listener: StreamCore, offer: Offer): boolean {
    const stream = this.streams.get(offer.uid);
    const { connection } = listener;
    if (stream === undefined || connection === undefined) return false;
    try {
      stream.acceptAgainOn(connection, offer);
    } catch (error) {
      // It may have left its place already.
      if (stream.isSuspended) this.tunnel.suspended(stream);
      listener.refuse(offer.id, toErrorPayload(error));
    }
    this.connections.leaveEmpty();
    return true;
  }
}

export function usedUp(): TrunklineError {
  return new TrunklineError('LIMIT_STREAMS', 'this tunnel is for one stream');
}
