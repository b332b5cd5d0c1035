import type { ConnectionCore } from '../src/core/connection.js';
import { TrunklineError, toErrorPayload } from '../src/protocol/errors.js';
import type { Open } from '../src/protocol/frames.js';
import { Connects } from './connects.js';
import type { RelayContext } from './context.js';
import { Names } from './names.js';
import type { Parties } from './parties.js';
import { PendingConnects } from './pending-connects.js';
import { Resumes } from './resumes.js';

/**
 * What peers ask of the relay: names, connects to them, and streams that are to go on.
 *
 *   client                      relay                         listener
 *     │ OPEN connect NAME  ──────>│ pending                      │
 *     │                           │ OFFER id (listen stream) ───>│ decides
 *     │                           │<────────── OPEN accept id    │
 *     │<────────────── ACCEPT     │ splice      ACCEPT ─────────>│
 *     │<═ DATA, CREDIT, END, END_ACK, RESET, DETACH, CLOSE pass ═>│
 */
export class Broker {
  private readonly pending = new PendingConnects();
  private readonly parties: Parties;
  private readonly connects: Connects;
  private readonly names: Names;
  private readonly resumes: Resumes;
  private isDraining = false;

  constructor(private readonly context: RelayContext) {
    this.parties = context.parties;
    this.connects = new Connects(context, this.pending);
    this.names = new Names(context, this.connects);
    this.resumes = new Resumes(context);
  }

  get pendingCount(): number {
    return this.pending.size;
  }

  get pendingResumeCount(): number {
    return this.resumes.size;
  }

  join(connection: ConnectionCore): void {
    this.parties.join(connection);
  }

  leave(connection: ConnectionCore): void {
    this.parties.leave(connection);
  }

  /** Says which endpoint is behind a connection. One that is still here as that endpoint is a ghost, and ends. */
  identify(connection: ConnectionCore, secret: string): void {
    const endpoint = this.context.environment.hash(secret);
    const ghost = this.parties.atEndpoint(endpoint);
    ghost?.fail(new TrunklineError('CONNECTION_LOST', 'this endpoint came back on another connection'));
    this.parties.identify(connection, endpoint);
  }

  /** It will not come back: what it had is gone, and not lost. */
  endpointLeft(secret: string): void {
    const connection = this.parties.atEndpoint(this.context.environment.hash(secret));
    connection?.fail(new TrunklineError('TUNNEL_CLOSED', 'the page was left'));
  }

  /** The connection takes streams now: those that waited for its endpoint come first. */
  arrived(connection: ConnectionCore, now: number): void {
    const { endpoint } = this.parties.of(connection);
    if (endpoint !== undefined) this.resumes.arrived(endpoint, connection, now);
  }

  openReceived(connection: ConnectionCore, id: number, open: Open, now: number): void {
    try {
      this.route(connection, id, open, now);
    } catch (error) {
      if (!(error instanceof TrunklineError) || error.code === 'PROTOCOL') throw error;
      connection.refuse(id, toErrorPayload(error));
    }
  }

  private route(connection: ConnectionCore, id: number, open: Open, now: number): void {
    const { target } = open;
    if (this.isDraining && target.kind !== 'accept') throw new TrunklineError('GOING_AWAY', 'the relay is closing');
    switch (target.kind) {
      case 'listen':
        return this.names.listen(connection, id, open, target, now);
      case 'connect':
        return this.connects.connect(connection, id, open, target, now);
      case 'accept':
        return this.connects.accept(connection, id, open, target.offerId);
      case 'resume':
        return this.resumes.resume(connection, id, open, target, now);
      case 'plain':
        throw new TrunklineError('FORBIDDEN', 'a relay is no endpoint: name whom to connect to');
    }
  }

  nextDeadline(): number {
    return Math.min(this.names.nextDeadline(), this.connects.nextDeadline(), this.resumes.nextDeadline());
  }

  advance(now: number): void {
    // First: who waited for a reserved name learns in the same step that nobody came back to it.
    this.names.advance(now);
    this.connects.advance(now);
    this.resumes.advance(now);
  }

  /** From now on nothing new begins. */
  drain(): void {
    this.isDraining = true;
    this.connects.drain();
    this.resumes.drain();
  }

  /** Every connection has ended. */
  close(): void {
    this.names.close();
  }
}
