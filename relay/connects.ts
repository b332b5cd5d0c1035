import type { ConnectionCore } from '../src/core/connection.js';
import { type ErrorPayload, TrunklineError, toErrorPayload } from '../src/protocol/errors.js';
import type { Open, Refuse } from '../src/protocol/frames.js';
import { assertName } from '../src/protocol/names.js';
import { egressShare, type RelayContext, readsNothing } from './context.js';
import { FairPendingConnects } from './fair-pending.js';
import { Flow } from './flow.js';
import { Leg, type LegOwner } from './leg.js';
import type { NameUser } from './names.js';
import type { Party } from './parties.js';
import type { ConnectRequest, PendingConnect } from './pending-connects.js';
import type { Holder } from './registry.js';
import { Splice } from './splice.js';

const GOING_AWAY: ErrorPayload = { code: 'GOING_AWAY', reason: 'the relay is closing' };

/** From a client's connect to its splice: who is offered to whom, and every way in which that comes to nothing. */
export class Connects implements LegOwner, NameUser {
  private isDraining = false;

  constructor(
    private readonly context: RelayContext,
    private readonly pending = new FairPendingConnects(),
  ) {}

  nextDeadline(): number {
    return this.pending.nextDeadline();
  }

  advance(now: number): void {
    for (const pending of this.pending.expired(now)) {
      this.settle(pending);
      this.context.counters.connectsExpired++;
      const error: ErrorPayload =
        pending.kind === 'waiting'
          ? { code: 'NO_LISTENER', reason: `nobody came to listen on ${pending.name} in time` }
          : { code: 'ACCEPT_TIMEOUT', reason: `the listener of ${pending.name} did not answer in time` };
      this.context.refused(pending.leg.connection, error.code, pending.name);
      pending.leg.reset(error);
    }
  }

  /** What has been offered may still be accepted; nobody else will come. */
  drain(): void {
    this.isDraining = true;
    for (const pending of this.pending.all()) if (pending.kind === 'waiting') this.reject(pending, GOING_AWAY);
  }

  // ── the client ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** @throws TrunklineError BAD_NAME, NO_LISTENER, LIMIT_STREAMS, LIMIT_RATE */
  connect(
    connection: ConnectionCore,
    id: number,
    open: Open,
    target: { name: string; waitMs: number },
    now: number,
  ): void {
    const { registry, options, counters, parties } = this.context;
    assertName(target.name);
    const state = registry.find(target.name)?.state;
    if (!state && target.waitMs === 0) throw new TrunklineError('NO_LISTENER', `nobody listens on ${target.name}`);
    const party = parties.of(connection);
    if (state?.kind === 'held') this.checkListener(state.holder);
    this.checkRoom(party, target.name);

    const leg = this.legOf(connection, open);
    leg.attach(id, open.resume ? 'silent' : 'early');
    party.pendingConnects++;
    counters.connectsRequested++;
    const waitUntil = now + Math.min(target.waitMs, options.limits.maxWaitMs);
    const request: ConnectRequest = { leg, open, name: target.name, waitUntil };
    if (state?.kind === 'held') this.offer(request, state.holder, now);
    else this.wait(request, state?.reservation.deadline ?? waitUntil);
  }

  /** @throws TrunklineError LIMIT_STREAMS */
  private checkRoom(party: Party, name: string): void {
    const { limits } = this.context.options;
    if (party.pendingConnects >= limits.maxPendingConnects) {
      throw new TrunklineError(
        'LIMIT_STREAMS',
        `at most ${limits.maxPendingConnects} unanswered connects on one tunnel`,
      );
    }
    if (this.pending.countOfName(name) >= limits.maxPendingPerName)
      this.makeRoom(party, `at most ${limits.maxPendingPerName} unanswered connects for one name`, name);
    if (this.pending.size >= limits.maxPending)
      this.makeRoom(party, `at most ${limits.maxPending} unanswered connects at this relay`);
  }

  /** Who has more than the newcomer gives way to it. */
  private makeRoom({ connection }: Party, reason: string, name?: string): void {
    const rival = this.pending.rivalOf(connection, name);
    if (rival === undefined) throw new TrunklineError('LIMIT_STREAMS', reason);
    this.reject(rival, { code: 'LIMIT_STREAMS', reason });
  }

  /** @throws TrunklineError LIMIT_RATE, LIMIT_STREAMS when it answers too little */
  private checkListener({ name, connection }: Holder): void {
    if (readsNothing(connection)) throw new TrunklineError('LIMIT_RATE', `the listener of ${name} reads no offers`);
    const { maxPendingPerListener } = this.context.options.limits;
    if (this.pending.countOfListener(connection) >= maxPendingPerListener)
      throw new TrunklineError(
        'LIMIT_STREAMS',
        `at most ${maxPendingPerListener} unanswered connects for one listener`,
      );
  }

  private legOf(connection: ConnectionCore, open: Open): Leg {
    const { earlyWindowBytes } = this.context.options.limits;
    const inbound = new Flow(open.resume ? 0 : earlyWindowBytes, this.context.memory);
    // The listener may send early as well, behind its accepting OPEN, before it can know how little this client takes.
    const outbound = new Flow(earlyWindowBytes, this.context.memory);
    outbound.receiveCredit(0, open.credit);
    return new Leg(connection, inbound, outbound, this, () => egressShare(this.context, connection));
  }

  private wait(request: ConnectRequest, atLeastUntil: number): void {
    this.pending.add({ ...request, kind: 'waiting', deadline: Math.max(request.waitUntil, atLeastUntil) });
  }

  private offer(request: ConnectRequest, holder: Holder, now: number): void {
    const { environment, options, parties } = this.context;
    const offerId = environment.randomId();
    this.pending.add({ ...request, kind: 'offered', offerId, holder, deadline: now + options.limits.acceptTimeoutMs });
    this.context.budgetOf(holder.connection)?.offered();
    const { uid, meta, key, resume } = request.open;
    const claims = parties.of(request.leg.connection).claims ?? undefined;
    holder.stream.offer({ id: offerId, uid, name: request.name, meta, claims, key, resume });
  }

  // ── NameUser ─────────────────────────────────────────────────────────────────────────────────────────────────────

  held(holder: Holder, now: number): void {
    for (const pending of this.pending.ofName(holder.name)) {
      if (pending.kind !== 'waiting') continue;
      try {
        this.checkListener(holder);
      } catch (error) {
        this.reject(pending, toErrorPayload(error));
        continue;
      }
      this.pending.remove(pending);
      this.offer(requestOf(pending), holder, now);
    }
  }

  withdrawn(holder: Holder, until: number): void {
    for (const pending of this.offeredTo(holder)) {
      if (this.isDraining) this.reject(pending, GOING_AWAY);
      else {
        this.pending.remove(pending);
        this.wait(requestOf(pending), until);
      }
    }
  }

  freed(holder: Holder): void {
    for (const pending of this.offeredTo(holder))
      this.reject(pending, { code: 'LISTENER_GONE', reason: `the listener of ${pending.name} went away` });
  }

  refused(holder: Holder, refuse: Refuse): void {
    this.context.budgetOf(holder.connection)?.answered(false, this.context.environment.now());
    const pending = this.pending.ofOffer(refuse.id);
    if (pending?.kind !== 'offered' || pending.holder !== holder) return;
    // Whatever else a listener claims, what it did is refuse.
    const code = refuse.code === 'LIMIT_STREAMS' ? 'LIMIT_STREAMS' : 'REFUSED';
    const { reason, appCode } = refuse;
    this.reject(pending, { code, reason, ...(appCode === undefined ? {} : { appCode }) });
  }

  private offeredTo(holder: Holder): PendingConnect[] {
    return this.pending.ofName(holder.name).filter((each) => each.kind === 'offered' && each.holder === holder);
  }

  // ── the listener says yes ────────────────────────────────────────────────────────────────────────────────────────

  /** @throws TrunklineError CANCELED, PROTOCOL, LIMIT_RATE */
  accept(connection: ConnectionCore, id: number, open: Open, offerId: string): void {
    this.context.budgetOf(connection)?.answered(true, this.context.environment.now());
    const pending = this.pending.ofOffer(offerId);
    // Unknown, used, expired, somebody else's: one answer for all, so that guessing teaches nothing (R74).
    if (pending?.kind !== 'offered' || pending.holder.connection !== connection || pending.open.uid !== open.uid) {
      throw new TrunklineError('CANCELED', 'there is no such offer any more');
    }
    const { leg: client, open: connect } = pending;
    if (open.resume && !connect.resume) throw new TrunklineError('PROTOCOL', 'a new stream is nothing to carry on');
    this.settle(pending);
    this.context.counters.connectsMatched++;
    if (open.resume && connect.resume) {
      client.inbound.startAt(open.resume);
      client.outbound.startAt(connect.resume);
    }
    const listener = new Leg(connection, client.outbound, client.inbound, this, () =>
      egressShare(this.context, connection),
    );
    listener.outbound.receiveCredit(0, open.credit);
    listener.attach(id, 'early');
    const endpoint = this.endpointOf(connection, connect.key, open.key);
    new Splice(client, listener, this.context.counters, endpoint !== undefined, pending.name).start({
      meta: open.meta,
      endpoint,
      resume: open.resume,
    });
  }

  /** Where the stream can be opened again, if both ends can carry it on. */
  private endpointOf(connection: ConnectionCore, key: string | undefined, repeated: string | undefined) {
    const { options, parties } = this.context;
    const isResumable = options.resumeWindowMs > 0 && key !== undefined && key === repeated;
    return isResumable ? parties.of(connection).endpoint : undefined;
  }

  private reject(pending: PendingConnect, error: ErrorPayload): void {
    this.settle(pending);
    this.context.counters.connectsRefused++;
    this.context.refused(pending.leg.connection, error.code, pending.name);
    pending.leg.reset(error);
  }

  // ── LegOwner: a client gives up before its splice ────────────────────────────────────────────────────────────────

  legReset(leg: Leg): void {
    this.cancel(leg);
    leg.passClose();
    leg.close();
  }

  legDetached(leg: Leg): void {
    this.cancel(leg);
    leg.close();
  }

  legLost(leg: Leg): void {
    this.cancel(leg);
  }

  legClosed(): void {
    throw new TrunklineError('PROTOCOL', 'CLOSE before ACCEPT');
  }

  legAccepted(): void {
    throw new TrunklineError('PROTOCOL', 'ACCEPT from the opener of a stream');
  }

  private cancel(leg: Leg): void {
    const pending = this.pending.ofLeg(leg);
    if (!pending) return;
    this.settle(pending);
    this.context.counters.connectsCanceled++;
  }

  private settle(pending: PendingConnect): void {
    this.pending.remove(pending);
    this.context.parties.of(pending.leg.connection).pendingConnects--;
  }
}

function requestOf({ leg, open, name, waitUntil }: PendingConnect): ConnectRequest {
  return { leg, open, name, waitUntil };
}
