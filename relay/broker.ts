import type { ConnectionCore } from '../src/core/connection.js';
import { TrunklineError, toErrorPayload } from '../src/protocol/errors.js';
import type { Open } from '../src/protocol/frames.js';
import type { Json } from '../src/protocol/meta.js';
import type { RelayAccess } from './access-control.js';
import { Admissions } from './admissions.js';
import { Connects } from './connects.js';
import type { RelayContext } from './context.js';
import { FairPendingConnects } from './fair-pending.js';
import { Names } from './names.js';
import { PacedAccess } from './paced-access.js';
import type { Parties } from './parties.js';
import { Resumes } from './resumes.js';
import { Watches } from './watches.js';

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
  private readonly pending: FairPendingConnects;
  private readonly parties: Parties;
  private readonly connects: Connects;
  private readonly names: Names;
  private readonly resumes: Resumes;
  private readonly paced: PacedAccess;
  private readonly admissions: Admissions;
  private readonly watches: Watches;
  private isDraining = false;

  constructor(
    private readonly context: RelayContext,
    access: RelayAccess,
  ) {
    this.parties = context.parties;
    this.pending = new FairPendingConnects(context.sourceOf);
    this.connects = new Connects(context, this.pending);
    this.names = new Names(context, this.connects);
    this.resumes = new Resumes(context);
    this.watches = new Watches(context);
    const opensOf = (connection: ConnectionCore, now: number) => context.budgetOf(connection)?.of('opens', now);
    this.paced = new PacedAccess(access, opensOf, context.environment.now);
    this.admissions = new Admissions(context, this.paced, (connection, id, open, now) =>
      this.answer(connection, id, () => this.route(connection, id, open, now)),
    );
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

  /** The public id of the endpoint behind it, if it said who it is. */
  endpointOf(connection: ConnectionCore): string | undefined {
    return this.context.parties.of(connection).endpoint;
  }

  /** What is known of who dialed it. */
  claimed(connection: ConnectionCore, claims: Json): void {
    this.parties.of(connection).claims = claims;
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
    this.answer(connection, id, () => this.admissions.admit(connection, id, open, now));
  }

  private answer(connection: ConnectionCore, id: number, action: () => void): void {
    try {
      action();
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
      case 'watch':
        return this.watches.watch(connection, id, open, target.pattern);
      case 'plain':
        throw new TrunklineError('FORBIDDEN', 'a relay is no endpoint: name whom to connect to');
    }
  }

  nextDeadline(): number {
    const rooms = [this.names, this.connects, this.resumes, this.admissions, this.paced];
    return Math.min(...rooms.map((room) => room.nextDeadline()));
  }

  advance(now: number): void {
    // First: who waited for a reserved name learns in the same step that nobody came back to it.
    this.names.advance(now);
    this.connects.advance(now);
    this.resumes.advance(now);
    this.admissions.advance(now);
    this.paced.advance(now);
  }

  /** A name has come or gone. */
  nameChanged(name: string): void {
    this.watches.changed(name);
  }

  /** From now on nothing new begins. */
  drain(): void {
    this.isDraining = true;
    this.connects.drain();
    this.resumes.drain();
    this.watches.drain();
  }

  /** Every connection has ended. */
  close(): void {
    this.names.close();
  }
}
