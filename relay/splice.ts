import type { ErrorCode } from '../src/protocol/codes.js';
import type { ErrorPayload, TrunklineError } from '../src/protocol/errors.js';
import type { Json } from '../src/protocol/meta.js';
import type { Counters } from './counters.js';
import type { Leg, LegOwner } from './leg.js';

/** Two legs joined: what ends one ends the other, with the reason. */
export class Splice implements LegOwner {
  private isClosed = false;

  constructor(
    private readonly client: Leg,
    private readonly listener: Leg,
    private readonly counters: Counters,
  ) {}

  start(listenerMeta: Json): void {
    this.client.join(this.listener, this);
    this.listener.join(this.client, this);
    this.client.accept(listenerMeta);
    this.listener.accept(null);
  }

  legReset(leg: Leg, error: ErrorPayload): void {
    this.close();
    this.otherThan(leg).reset(error);
  }

  /** A leg's connection is gone. Whether on purpose or lost: a client learns that its listener is. */
  legLost(leg: Leg, error: TrunklineError): void {
    this.close();
    const isListener = leg === this.listener;
    const code: ErrorCode = isListener
      ? 'LISTENER_GONE'
      : error.code === 'TUNNEL_CLOSED'
        ? 'TUNNEL_CLOSED'
        : 'CONNECTION_LOST';
    this.otherThan(leg).reset({ code, reason: isListener ? 'the listener went away' : 'the client went away' });
  }

  legsDone(): void {
    this.close();
  }

  private close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.counters.splicesClosed++;
  }

  private otherThan(leg: Leg): Leg {
    return leg === this.client ? this.listener : this.client;
  }
}
