import type { ConnectionCore } from '../src/core/connection.js';
import { DEFAULT_WINDOW } from '../src/core/receive-half.js';
import { StreamCore, type StreamEvent } from '../src/core/stream.js';
import { type ErrorPayload, TrunklineError, toErrorPayload } from '../src/protocol/errors.js';
import type { Open, Refuse } from '../src/protocol/frames.js';
import type { Json } from '../src/protocol/meta.js';
import { assertName } from '../src/protocol/names.js';
import type { Counters } from './counters.js';
import { Flow } from './flow.js';
import { Leg, type LegOwner } from './leg.js';
import type { RelayLimits } from './options.js';
import { type PendingConnect, PendingConnects } from './pending-connects.js';
import type { Registration, Registry } from './registry.js';
import { Splice } from './splice.js';

/** Offers that may wait for a listener that does not read them. */
const MAX_QUEUED_OFFER_BYTES = 4 * 1024 * 1024;

/** A connection as the broker knows it. */
export interface Party {
  readonly connection: ConnectionCore;
  /** Connects of this party that have no splice yet. */
  pendingConnects: number;
  /** Names it holds. */
  names: number;
}

export interface BrokerOptions {
  limits: RelayLimits;
  registry: Registry;
  counters: Counters;
  randomId: () => string;
}

/**
 * The relay's half of listen and connect.
 *
 *   client                      relay                         listener
 *     │ OPEN connect NAME  ──────>│ pending                      │
 *     │                           │ OFFER id (listen stream) ───>│ decides
 *     │                           │<────────── OPEN accept id    │
 *     │<────────────── ACCEPT     │ splice      ACCEPT ─────────>│
 *     │<═══════ DATA, CREDIT, END, END_ACK, RESET pass ═════════>│
 */
export class Broker implements LegOwner {
  private readonly pending = new PendingConnects();
  private readonly parties = new Map<ConnectionCore, Party>();

  constructor(private readonly options: BrokerOptions) {}

  get pendingCount(): number {
    return this.pending.size;
  }

  join(connection: ConnectionCore): void {
    this.parties.set(connection, { connection, pendingConnects: 0, names: 0 });
  }

  leave(connection: ConnectionCore): void {
    this.parties.delete(connection);
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
    switch (open.target.kind) {
      case 'listen':
        return this.listen(connection, id, open, open.target.name, now);
      case 'connect':
        return this.connect(connection, id, open, open.target, now);
      case 'accept':
        return this.accept(connection, id, open, open.target.offerId);
      case 'plain':
        throw new TrunklineError('FORBIDDEN', 'a relay is no endpoint: name whom to connect to');
    }
  }

  nextDeadline(): number {
    return this.pending.nextDeadline();
  }

  advance(now: number): void {
    for (const pending of this.pending.expired(now)) {
      this.settle(pending);
      this.options.counters.connectsExpired++;
      pending.leg.reset(
        pending.kind === 'waiting'
          ? { code: 'NO_LISTENER', reason: `nobody came to listen on ${pending.name} in time` }
          : { code: 'ACCEPT_TIMEOUT', reason: `the listener of ${pending.name} did not answer in time` },
      );
    }
  }

  // ── listen ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private listen(connection: ConnectionCore, id: number, open: Open, name: string, now: number): void {
    const { registry, limits } = this.options;
    assertName(name);
    if (registry.find(name)) throw new TrunklineError('NAME_TAKEN', `another listener holds ${name}`);
    const party = this.partyOf(connection);
    if (party.names >= limits.maxNames) {
      throw new TrunklineError('LIMIT_NAMES', `at most ${limits.maxNames} names on one tunnel`);
    }
    const stream = new StreamCore({
      uid: open.uid,
      target: open.target,
      meta: null,
      window: DEFAULT_WINDOW,
      observer: (_stream, event) => this.listenEvent(registration, event),
    });
    const registration: Registration = { name, stream, connection };
    stream.placeOn(connection, id, open);
    stream.accept();
    party.names++;
    registry.add(registration);
    // An application may have ended it already, from inside 'server.created'.
    if (registry.find(name) === registration) this.offerWaiting(registration, now);
  }

  private listenEvent(registration: Registration, event: StreamEvent): void {
    switch (event.type) {
      case 'refuse':
        return this.refused(registration, event.refuse);
      case 'offer':
        throw new TrunklineError('PROTOCOL', 'OFFER from a listener');
      case 'end':
        this.unregister(registration);
        return registration.stream.end();
      case 'failed':
        return this.unregister(registration);
      default:
    }
  }

  private unregister(registration: Registration): void {
    // Before the registry tells of it: an application that closes the tunnel at that makes the party leave.
    const party = this.partyOf(registration.connection);
    if (!this.options.registry.remove(registration)) return;
    party.names--;
    for (const pending of this.pending.ofName(registration.name)) {
      if (pending.kind === 'offered')
        this.reject(pending, { code: 'LISTENER_GONE', reason: `the listener of ${pending.name} went away` });
    }
  }

  // ── connect ──────────────────────────────────────────────────────────────────────────────────────────────────────

  private connect(
    connection: ConnectionCore,
    id: number,
    open: Open,
    target: { name: string; waitMs: number },
    now: number,
  ): void {
    const { registry, limits, counters } = this.options;
    assertName(target.name);
    const registration = registry.find(target.name);
    if (!registration && target.waitMs === 0)
      throw new TrunklineError('NO_LISTENER', `nobody listens on ${target.name}`);
    const party = this.partyOf(connection);
    this.checkRoom(party, target.name);
    // A client that connects and gives up, again and again, would else fill this listener's queue with dead offers.
    if (registration && registration.connection.queuedControlBytes >= MAX_QUEUED_OFFER_BYTES)
      throw new TrunklineError('LIMIT_RATE', `the listener of ${target.name} reads no offers`);

    const inbound = new Flow(limits.earlyWindowBytes);
    // The listener may send early as well, behind its accepting OPEN, before it can know how little this client takes.
    const outbound = new Flow(limits.earlyWindowBytes);
    outbound.receiveCredit(0, open.credit);
    const leg = new Leg(connection, id, inbound, outbound, this, () => this.aheadOf(connection));
    leg.attach();
    party.pendingConnects++;
    counters.connectsRequested++;
    const request = { leg, uid: open.uid, name: target.name, meta: open.meta };
    if (registration) this.offer(request, registration, now);
    else this.pending.add({ ...request, kind: 'waiting', deadline: now + Math.min(target.waitMs, limits.maxWaitMs) });
  }

  /** @throws TrunklineError LIMIT_STREAMS */
  private checkRoom(party: Party, name: string): void {
    const { limits } = this.options;
    if (party.pendingConnects >= limits.maxPendingConnects) {
      throw new TrunklineError(
        'LIMIT_STREAMS',
        `at most ${limits.maxPendingConnects} unanswered connects on one tunnel`,
      );
    }
    if (this.pending.countOfName(name) >= limits.maxPendingPerName) {
      throw new TrunklineError('LIMIT_STREAMS', `at most ${limits.maxPendingPerName} unanswered connects for one name`);
    }
    if (this.pending.size >= limits.maxPending) {
      throw new TrunklineError('LIMIT_STREAMS', `at most ${limits.maxPending} unanswered connects at this relay`);
    }
  }

  private offer(
    request: { leg: Leg; uid: string; name: string; meta: Json },
    registration: Registration,
    now: number,
  ): void {
    const offerId = this.options.randomId();
    const deadline = now + this.options.limits.acceptTimeoutMs;
    this.pending.add({ ...request, kind: 'offered', offerId, registration, deadline });
    registration.stream.offer({ id: offerId, uid: request.uid, name: request.name, meta: request.meta });
  }

  private offerWaiting(registration: Registration, now: number): void {
    for (const pending of this.pending.ofName(registration.name)) {
      if (pending.kind !== 'waiting') continue;
      this.pending.remove(pending);
      this.offer(pending, registration, now);
    }
  }

  // ── the listener's answer ────────────────────────────────────────────────────────────────────────────────────────

  private accept(connection: ConnectionCore, id: number, open: Open, offerId: string): void {
    const pending = this.pending.ofOffer(offerId);
    // Unknown, used, expired, somebody else's: one answer for all, so that guessing teaches nothing (R74).
    if (pending?.kind !== 'offered' || pending.registration.connection !== connection || pending.uid !== open.uid) {
      throw new TrunklineError('CANCELED', 'there is no such offer any more');
    }
    this.settle(pending);
    this.options.counters.connectsMatched++;
    const client = pending.leg;
    const listener = new Leg(connection, id, client.outbound, client.inbound, this, () => this.aheadOf(connection));
    listener.outbound.receiveCredit(0, open.credit);
    listener.attach();
    new Splice(client, listener, this.options.counters).start(open.meta);
  }

  private refused(registration: Registration, refuse: Refuse): void {
    const pending = this.pending.ofOffer(refuse.id);
    if (pending?.kind !== 'offered' || pending.registration !== registration) return;
    // Whatever else a listener claims, what it did is refuse.
    const code = refuse.code === 'LIMIT_STREAMS' ? 'LIMIT_STREAMS' : 'REFUSED';
    const { reason, appCode } = refuse;
    this.reject(pending, { code, reason, ...(appCode === undefined ? {} : { appCode }) });
  }

  private reject(pending: PendingConnect, error: ErrorPayload): void {
    this.settle(pending);
    this.options.counters.connectsRefused++;
    pending.leg.reset(error);
  }

  // ── LegOwner: a client gives up before its splice ────────────────────────────────────────────────────────────────

  legReset(leg: Leg): void {
    this.cancel(leg);
  }

  legLost(leg: Leg): void {
    this.cancel(leg);
  }

  /** Only a splice's legs get that far. */
  legsDone(): void {}

  private cancel(leg: Leg): void {
    const pending = this.pending.ofLeg(leg);
    if (!pending) return;
    this.settle(pending);
    this.options.counters.connectsCanceled++;
  }

  private settle(pending: PendingConnect): void {
    this.pending.remove(pending);
    this.partyOf(pending.leg.connection).pendingConnects--;
  }

  /** Whoever leaves has given up its streams before, so a party outlives everything that counts on it. */
  private partyOf(connection: ConnectionCore): Party {
    return this.parties.get(connection) as Party;
  }

  /** The egress budget of a tunnel, shared by its streams; a share is never so small that a stream crawls. */
  private aheadOf(connection: ConnectionCore): number {
    const { egressBytes, earlyWindowBytes } = this.options.limits;
    return Math.max(earlyWindowBytes, 1, Math.floor(egressBytes / Math.max(1, connection.streamCount)));
  }
}
