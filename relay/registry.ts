import type { ConnectionCore } from '../src/core/connection.js';
import type { StreamCore } from '../src/core/stream.js';
import { Deadlines } from './deadlines.js';
import { FairShare } from './fair-share.js';
import { NameChanges } from './name-changes.js';

/** The listen stream that holds a name, and the connection whose accepts are believed. */
export interface Holder {
  readonly name: string;
  readonly stream: StreamCore;
  readonly connection: ConnectionCore;
}

/** A name whose holder is away, and expected back. */
export interface Reservation {
  readonly name: string;
  readonly deadline: number;
  /** Where its holder was connected from. */
  readonly source: unknown;
}

/** What a listener says to be known again by. */
export interface Lease {
  /** Who presents the same text takes the name over. */
  readonly owner: string | undefined;
  /** Which takeover it is: of two that were made without knowing of each other, the higher one is the newer. */
  readonly claim: number;
  /** The endpoint that listens, or did last. */
  readonly endpoint: string | undefined;
}

/**
 *   (free) ──hold──> held ──reserve──> reserved
 *                    ^ └──hold (a takeover)  │
 *                    └───────── hold ────────┘
 *   any ──remove──> (free)
 */
export interface Registration {
  readonly name: string;
  readonly lease: Lease;
  readonly state: { kind: 'held'; holder: Holder } | { kind: 'reserved'; reservation: Reservation };
}

export interface RegistryEvents {
  created(name: string): void;
  destroyed(name: string): void;
}

/** Who holds which name: one holder each. `created` and `destroyed` alternate strictly per name, and tell of no return. */
export class Registry {
  private readonly registrations = new Map<string, Registration>();
  private readonly reservations = new Deadlines<Reservation>();
  private readonly reservationsBySource = new FairShare<Reservation>();
  /** What those who watch names have still to be told. */
  readonly changes = new NameChanges();

  constructor(private readonly events: RegistryEvents) {}

  get size(): number {
    return this.registrations.size;
  }

  get reservedCount(): number {
    return this.reservations.size;
  }

  names(): string[] {
    return [...this.registrations.keys()];
  }

  find(name: string): Registration | undefined {
    return this.registrations.get(name);
  }

  /** Who can be offered a connect to that name now. */
  holderOf(name: string): Holder | undefined {
    const state = this.registrations.get(name)?.state;
    return state?.kind === 'held' ? state.holder : undefined;
  }

  isHeldBy(holder: Holder): boolean {
    return this.holderOf(holder.name) === holder;
  }

  /** Takes the name, free or not. */
  hold(holder: Holder, lease: Lease): void {
    const { name } = holder;
    const before = this.find(name);
    this.forgetReservation(before);
    this.registrations.set(name, { name, lease, state: { kind: 'held', holder } });
    if (before === undefined) this.events.created(name);
  }

  /** The holder is away. `source`: where it was connected from. */
  reserve(holder: Holder, deadline: number, source: unknown): void {
    const { name } = holder;
    const { lease } = this.find(name) as Registration;
    const reservation: Reservation = { name, deadline, source };
    this.registrations.set(name, { name, lease, state: { kind: 'reserved', reservation } });
    this.reservations.add(reservation);
    this.reservationsBySource.add(source, reservation);
  }

  /** Frees the name. */
  remove(name: string): void {
    const registration = this.find(name);
    if (registration === undefined) return;
    this.forgetReservation(registration);
    this.registrations.delete(name);
    this.events.destroyed(name);
  }

  /** Whose reservation gives way to one more of that source's; undefined if none of the others has more. */
  rivalOf(source: unknown): Reservation | undefined {
    return this.reservationsBySource.rivalOf(source);
  }

  nextDeadline(): number {
    return Math.min(this.reservations.next(), this.changes.nextDeadline());
  }

  /** Names that are reserved and whose holder did not come back in time; all reserved ones at the end of time. */
  expired(now: number): string[] {
    return this.reservations.due(now).map(({ name }) => name);
  }

  private forgetReservation(registration: Registration | undefined): void {
    if (registration?.state.kind !== 'reserved') return;
    const { reservation } = registration.state;
    this.reservations.delete(reservation);
    this.reservationsBySource.delete(reservation.source, reservation);
  }
}
