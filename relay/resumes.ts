import type { ConnectionCore } from '../src/core/connection.js';
import { type ErrorPayload, TrunklineError, toErrorPayload } from '../src/protocol/errors.js';
import type { Accept, Open } from '../src/protocol/frames.js';
import { isMetaWithin } from '../src/protocol/meta.js';
import { egressShare, type RelayContext, readsNothing } from './context.js';
import { Flow } from './flow.js';
import { Leg, type LegOwner } from './leg.js';
import { type PendingResume, PendingResumes, type ResumeRequest } from './pending-resumes.js';
import { ResumeTurns } from './resume-turns.js';
import { Splice } from './splice.js';

/**
 * From a client's re-open to its new splice. The relay knows nothing of the stream: it takes the client to the endpoint
 * that it names, and the endpoint decides.
 *
 *   client                          relay                         endpoint
 *     │ OPEN resume ENDPOINT  ───────>│ parked, until it is here;    │
 *     │                               │ waiting, for its turn        │
 *     │                               │ OPEN (even id) ─────────────>│ knows the stream
 *     │<────────────────── ACCEPT     │ splice      <──────── ACCEPT │
 */
export class Resumes implements LegOwner {
  private readonly pending = new PendingResumes();
  private readonly turns = new ResumeTurns();

  constructor(private readonly context: RelayContext) {}

  get size(): number {
    return this.pending.size;
  }

  nextDeadline(): number {
    return this.pending.nextDeadline();
  }

  advance(now: number): void {
    for (const pending of this.pending.expired(now)) {
      if (!this.settle(pending)) continue;
      this.context.counters.resumesExpired++;
      this.expire(pending);
    }
  }

  private expire(pending: PendingResume): void {
    if (pending.kind === 'parked') {
      const { isCut: retryable } = pending;
      this.context.refused(pending.leg.connection, 'RESUME_EXPIRED');
      pending.leg.reset({ code: 'RESUME_EXPIRED', reason: 'the other endpoint did not come back in time', retryable });
    } else {
      const error: ErrorPayload = { code: 'ACCEPT_TIMEOUT', reason: 'the other endpoint did not answer in time' };
      this.context.refused(pending.leg.connection, error.code);
      pending.leg.reset(error);
      if (pending.kind === 'asked') pending.far.detachPeer(error);
    }
  }

  /** What has been asked may still be answered; nobody else will come. */
  drain(): void {
    for (const pending of this.pending.all()) {
      if (pending.kind !== 'asked') this.refuse(pending, { code: 'GOING_AWAY', reason: 'the relay is closing' });
    }
  }

  // ── the client ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** @throws TrunklineError RESUME_UNKNOWN, RESUME_EXPIRED, LIMIT_STREAMS, LIMIT_RATE, or what the endpoint's connection says */
  resume(
    connection: ConnectionCore,
    id: number,
    open: Open,
    target: { endpoint: string; waitMs: number },
    now: number,
  ): void {
    const { options, counters, parties } = this.context;
    const budget = this.context.budgetOf(connection)?.of('resumes', now);
    if (budget?.take(1, now) === false) throw tooManyResumes(options.rates.resumes.perSecond);
    const there = parties.atEndpoint(target.endpoint);
    this.check(open, there !== undefined);
    if (!there && target.waitMs === 0)
      throw new TrunklineError('RESUME_EXPIRED', 'the other endpoint is not at this relay');
    const { maxWaitMs } = options.limits;
    const request: ResumeRequest = {
      leg: this.legOf(connection, open),
      open,
      endpoint: target.endpoint,
      waitsUntil: now + Math.min(target.waitMs, maxWaitMs),
      isCut: target.waitMs > maxWaitMs,
    };
    // Before anything is granted: what a stream may have depends on how many there are.
    request.leg.attach(id, 'silent');
    if (there) this.askOrLeave(request, there, now);
    else this.park(request);
    counters.resumesRequested++;
  }

  private park(request: ResumeRequest): void {
    this.pending.add({ ...request, kind: 'parked', deadline: request.waitsUntil });
  }

  private askOrLeave(request: ResumeRequest, connection: ConnectionCore, now: number): void {
    try {
      this.askInTurn(request, connection, now);
    } catch (error) {
      request.leg.close();
      throw error;
    }
  }

  private check({ resume }: Open, isHere: boolean): void {
    const { limits, resumeWindowMs } = this.context.options;
    if (resumeWindowMs === 0) throw new TrunklineError('RESUME_UNKNOWN', 'this relay carries no stream on');
    if (resume === undefined) throw new TrunklineError('RESUME_UNKNOWN', 'nothing says how far the stream has come');
    // Who has not to wait takes nothing from those who have.
    if (!isHere && this.pending.size >= limits.maxPendingResumes)
      throw new TrunklineError(
        'LIMIT_STREAMS',
        `at most ${limits.maxPendingResumes} unanswered re-opens at this relay`,
      );
  }

  private legOf(connection: ConnectionCore, { resume, credit }: Open): Leg {
    const { memory } = this.context;
    const outbound = new Flow(0, memory);
    if (resume) outbound.startAt(resume);
    outbound.receiveCredit(0, credit);
    return new Leg(connection, new Flow(0, memory), outbound, this, () => egressShare(this.context, connection));
  }

  // ── the endpoint ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** An endpoint is here now. */
  arrived(endpoint: string, connection: ConnectionCore, now: number): void {
    for (const pending of this.pending.parkedFor(endpoint)) {
      this.pending.remove(pending);
      this.askOrRefuse(pending, () => this.askInTurn(requestOf(pending), connection, now));
    }
  }

  /** An answer has come, or never will: others of the same tunnel have waited for it. */
  private askNext(answered: PendingResume): void {
    for (let next = this.turns.next(answered); next !== undefined; next = this.turns.next(answered)) {
      const waiting = next;
      this.settle(waiting);
      this.askOrRefuse(waiting, () => this.askNow(requestOf(waiting)));
    }
  }

  /** Much may have happened while it waited. @throws TrunklineError RESUME_EXPIRED, and see `ask` */
  private askNow(request: ResumeRequest): void {
    const now = this.context.environment.now();
    const there = this.context.parties.atEndpoint(request.endpoint);
    if (there) this.ask(request, there, now);
    else if (request.waitsUntil > now) this.park(request);
    else throw new TrunklineError('RESUME_EXPIRED', 'the other endpoint has left this relay');
    this.context.deadlineMoved();
  }

  private askOrRefuse(pending: PendingResume, ask: () => void): void {
    try {
      ask();
    } catch (error) {
      if (!(error instanceof TrunklineError)) throw error;
      this.refuse(pending, toErrorPayload(error));
    }
  }

  /** @throws TrunklineError, see `ask` */
  private askInTurn(request: ResumeRequest, connection: ConnectionCore, now: number): void {
    if (this.turns.isFree(request)) return this.ask(request, connection, now);
    // All of them may be refused: who could not stay until then need not wait for it.
    const refusals = this.context.budgetOf(request.leg.connection)?.of('refusals', now).left(now);
    if (refusals !== undefined && this.turns.countWaiting(request) >= refusals)
      throw new TrunklineError('LIMIT_RATE', 'too many of this tunnel wait to be carried on', { retryAfterMs: 1000 });
    const waiting: PendingResume = {
      ...request,
      kind: 'waiting',
      deadline: now + this.context.options.limits.acceptTimeoutMs,
    };
    this.pending.add(waiting);
    this.turns.wait(waiting);
  }

  /** @throws TrunklineError LIMIT_RATE, or why the endpoint's connection cannot take a stream */
  private ask(request: ResumeRequest, connection: ConnectionCore, now: number): void {
    const { options, counters } = this.context;
    if (readsNothing(connection)) throw new TrunklineError('LIMIT_RATE', 'the other endpoint does not read');
    const { leg, open } = request;
    const far = new Leg(connection, leg.outbound, leg.inbound, this, () => egressShare(this.context, connection));
    const { credit } = leg.outbound.grant(leg.aheadBytes);
    const { uid, meta, target, resume } = open;
    far.open({ uid, credit, meta, target, resume });
    const deadline = now + options.limits.acceptTimeoutMs;
    const splice = new Splice(leg, far, counters, true);
    this.pending.add({ ...request, kind: 'asked', far, splice, deadline });
    this.turns.asked(request);
  }

  legAccepted(leg: Leg, accept: Accept): void {
    const pending = this.pending.ofLeg(leg);
    if (pending?.kind !== 'asked') return;
    const { meta, resume, credit } = accept;
    if (!resume) throw new TrunklineError('PROTOCOL', 'ACCEPT of a re-open says nothing of what was received');
    const { maxMetaBytes } = this.context.options.limits;
    if (!isMetaWithin(meta, maxMetaBytes))
      throw new TrunklineError('PROTOCOL', `meta is over ${maxMetaBytes} bytes of JSON or too deep`);
    this.settle(pending, true);
    this.context.counters.resumesMatched++;
    pending.leg.inbound.startAt(resume);
    leg.outbound.receiveCredit(0, credit);
    pending.splice.start({ meta, endpoint: pending.endpoint, resume });
  }

  // ── LegOwner: one of the two ends it before that ─────────────────────────────────────────────────────────────────

  legReset(leg: Leg, error: ErrorPayload): void {
    const pending = this.pending.ofLeg(leg);
    if (pending?.kind === 'asked' && leg === pending.far) return this.refusedBy(leg, pending, error);
    const splice = this.leave(leg);
    if (splice) return splice.legReset(leg, error);
    leg.passClose();
    leg.close();
  }

  legDetached(leg: Leg, error: ErrorPayload): void {
    const splice = this.leave(leg);
    if (splice) splice.legDetached(leg, error);
    else leg.close();
  }

  legLost(leg: Leg, error: TrunklineError): void {
    this.leave(leg)?.legLost(leg, error);
  }

  legClosed(): void {
    throw new TrunklineError('PROTOCOL', 'CLOSE before ACCEPT');
  }

  /** It is pending no more; returns what joins its legs, once there are two. */
  private leave(leg: Leg): Splice | undefined {
    const pending = this.pending.ofLeg(leg);
    if (!pending) return undefined;
    this.settle(pending);
    if (leg === pending.leg) this.context.counters.resumesCanceled++;
    else this.context.counters.resumesRefused++;
    if (pending.kind !== 'asked') return undefined;
    pending.splice.takeLegs();
    return pending.splice;
  }

  /** An endpoint's no: it owes nothing to a client that may be a stranger to it. */
  private refusedBy(far: Leg, pending: PendingResume, error: ErrorPayload): void {
    this.refuse(pending, error);
    far.passClose();
    far.close();
  }

  /** It is pending no more; false if it was that no more already. `isYes`: of the endpoint. */
  private settle(pending: PendingResume, isYes = false): boolean {
    if (!this.pending.remove(pending)) return false;
    this.turns.leave(pending);
    if (pending.kind === 'asked') {
      this.turns.answered(pending, isYes);
      this.askNext(pending);
    }
    return true;
  }

  private refuse(pending: PendingResume, error: ErrorPayload): void {
    this.settle(pending);
    this.context.counters.resumesRefused++;
    this.context.refused(pending.leg.connection, error.code);
    pending.leg.reset(error);
  }
}

function requestOf({ leg, open, endpoint, waitsUntil, isCut }: PendingResume): ResumeRequest {
  return { leg, open, endpoint, waitsUntil, isCut };
}

function tooManyResumes(perSecond: number): TrunklineError {
  return new TrunklineError('LIMIT_RATE', `over ${perSecond} streams a second are to be carried on`, {
    retryAfterMs: 1000,
  });
}
