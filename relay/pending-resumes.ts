import type { Open } from '../src/protocol/frames.js';
import { Deadlines } from './deadlines.js';
import type { Leg } from './leg.js';
import type { Splice } from './splice.js';

/** A client's wish to go on with a stream. */
export interface ResumeRequest {
  readonly leg: Leg;
  readonly open: Open;
  /** Public id of the endpoint that has the stream. */
  readonly endpoint: string;
  /** Until then the client waits for that endpoint, if it is not here. */
  readonly waitsUntil: number;
  /** The client would wait for longer than this relay lets it. */
  readonly isCut: boolean;
}

/**
 * A re-open that has no splice yet.
 *
 *   parked  ──the endpoint comes, or is here──> waiting ──its turn──> asked ──ACCEPT──> (splice)
 *   waiting ──the endpoint has gone──> parked
 *
 * Every way out of it is in `Resumes`.
 */
export type PendingResume = ResumeRequest & { readonly deadline: number } & (
    | { readonly kind: 'parked' }
    /** For the answers to others of the same tunnel. */
    | { readonly kind: 'waiting' }
    | { readonly kind: 'asked'; readonly far: Leg; readonly splice: Splice }
  );

export class PendingResumes {
  private readonly byLeg = new Map<Leg, PendingResume>();
  private readonly parked = new Map<string, Set<PendingResume>>();
  private readonly deadlines = new Deadlines<PendingResume>();

  get size(): number {
    return this.deadlines.size;
  }

  all(): PendingResume[] {
    return this.deadlines.values();
  }

  /** By either of its legs. */
  ofLeg(leg: Leg): PendingResume | undefined {
    return this.byLeg.get(leg);
  }

  parkedFor(endpoint: string): PendingResume[] {
    return [...(this.parked.get(endpoint) ?? [])];
  }

  add(pending: PendingResume): void {
    this.deadlines.add(pending);
    this.byLeg.set(pending.leg, pending);
    if (pending.kind === 'asked') this.byLeg.set(pending.far, pending);
    if (pending.kind === 'parked') {
      const others = this.parked.get(pending.endpoint);
      if (others) others.add(pending);
      else this.parked.set(pending.endpoint, new Set([pending]));
    }
  }

  /** False if it had gone before. */
  remove(pending: PendingResume): boolean {
    if (!this.deadlines.delete(pending)) return false;
    this.byLeg.delete(pending.leg);
    if (pending.kind === 'asked') this.byLeg.delete(pending.far);
    const others = this.parked.get(pending.endpoint);
    others?.delete(pending);
    if (others?.size === 0) this.parked.delete(pending.endpoint);
    return true;
  }

  nextDeadline(): number {
    return this.deadlines.next();
  }

  /** Those whose deadline has come. They are still to be removed. */
  expired(now: number): PendingResume[] {
    return this.deadlines.due(now);
  }
}
