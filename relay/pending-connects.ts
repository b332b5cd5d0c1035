import type { Open } from '../src/protocol/frames.js';
import { Deadlines } from './deadlines.js';
import type { Leg } from './leg.js';
import type { Holder } from './registry.js';

/** What a client asks for. */
export interface ConnectRequest {
  readonly leg: Leg;
  readonly open: Pick<Open, 'uid' | 'meta' | 'key' | 'resume'>;
  readonly name: string;
  /** How long it would wait for a listener. */
  readonly waitUntil: number;
}

/**
 * A connect that has no splice yet.
 *
 *   waiting <──a listener comes, or is lost──> offered ──accept──> (splice)
 *
 * Every way out of it is in `Connects`; this is who they are, by what they can be asked for, and when they expire.
 */
export type PendingConnect = ConnectRequest & { readonly deadline: number } & (
    | { readonly kind: 'waiting' }
    | { readonly kind: 'offered'; readonly offerId: string; readonly holder: Holder }
  );

export class PendingConnects {
  private readonly byLeg = new Map<Leg, PendingConnect>();
  private readonly byOfferId = new Map<string, PendingConnect>();
  private readonly byName = new Map<string, Set<PendingConnect>>();
  private readonly deadlines = new Deadlines<PendingConnect>();

  get size(): number {
    return this.byLeg.size;
  }

  countOfName(name: string): number {
    return this.byName.get(name)?.size ?? 0;
  }

  all(): PendingConnect[] {
    return [...this.byLeg.values()];
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
    this.deadlines.add(pending);
  }

  remove(pending: PendingConnect): void {
    if (!this.deadlines.delete(pending)) return;
    this.byLeg.delete(pending.leg);
    const sameName = this.byName.get(pending.name);
    sameName?.delete(pending);
    if (sameName?.size === 0) this.byName.delete(pending.name);
    if (pending.kind === 'offered') this.byOfferId.delete(pending.offerId);
  }

  nextDeadline(): number {
    return this.deadlines.next();
  }

  /** Those whose deadline has come. They are still to be removed. */
  expired(now: number): PendingConnect[] {
    return this.deadlines.due(now);
  }
}
