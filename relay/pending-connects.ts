import type { Json } from '../src/protocol/meta.js';
import type { Leg } from './leg.js';
import type { Registration } from './registry.js';

/**
 * A connect that has no splice yet.
 *
 *   waiting ──a listener comes──> offered ──accept──> (splice)
 *
 * Every way out of it is in the broker; this is who they are, by what they can be asked for, and when they expire.
 */
export type PendingConnect = {
  readonly leg: Leg;
  readonly uid: string;
  readonly name: string;
  readonly meta: Json;
} & (
  | { kind: 'waiting'; deadline: number }
  | { kind: 'offered'; deadline: number; offerId: string; registration: Registration }
);

export class PendingConnects {
  private readonly byLeg = new Map<Leg, PendingConnect>();
  private readonly byOfferId = new Map<string, PendingConnect>();
  private readonly byName = new Map<string, Set<PendingConnect>>();
  /** No later than the earliest deadline; may be early, because removals do not move it. */
  private earliest = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.byLeg.size;
  }

  countOfName(name: string): number {
    return this.byName.get(name)?.size ?? 0;
  }

  ofName(name: string): PendingConnect[] {
    return [...(this.byName.get(name) ?? [])];
  }

  ofLeg(leg: Leg): PendingConnect | undefined {
    return this.byLeg.get(leg);
  }

  ofOffer(offerId: string): PendingConnect | undefined {
    return this.byOfferId.get(offerId);
  }

  add(pending: PendingConnect): void {
    this.byLeg.set(pending.leg, pending);
    const sameName = this.byName.get(pending.name);
    if (sameName) sameName.add(pending);
    else this.byName.set(pending.name, new Set([pending]));
    if (pending.kind === 'offered') this.byOfferId.set(pending.offerId, pending);
    this.earliest = Math.min(this.earliest, pending.deadline);
  }

  remove(pending: PendingConnect): void {
    if (!this.byLeg.delete(pending.leg)) return;
    const sameName = this.byName.get(pending.name);
    sameName?.delete(pending);
    if (sameName?.size === 0) this.byName.delete(pending.name);
    if (pending.kind === 'offered') this.byOfferId.delete(pending.offerId);
    if (this.byLeg.size === 0) this.earliest = Number.POSITIVE_INFINITY;
  }

  nextDeadline(): number {
    return this.earliest;
  }

  /** Those whose deadline has come. They are still to be removed. */
  expired(now: number): PendingConnect[] {
    if (now < this.earliest) return [];
    const all = [...this.byLeg.values()];
    const expired = all.filter((pending) => pending.deadline <= now);
    this.earliest = all.reduce(
      (earliest, { deadline }) => (deadline > now ? Math.min(earliest, deadline) : earliest),
      Number.POSITIVE_INFINITY,
    );
    return expired;
  }
}
