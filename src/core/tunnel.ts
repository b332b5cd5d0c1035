import { TrunklineError, toErrorPayload, toTrunklineError } from '../protocol/errors.js';
import type { Offer, Open, Target, Welcome } from '../protocol/frames.js';
import { DEFAULT_LIMITS, LIMITS_BEFORE_HANDSHAKE, type Limits } from '../protocol/limits.js';
import type { Json } from '../protocol/meta.js';
import { backoffMs } from './backoff.js';
import { ConnectionCore, type ConnectionOwner } from './connection.js';
import { isLost } from './lost.js';
import { ResumeKey } from './resume-key.js';
import { StreamCore, type StreamEvent } from './stream.js';
import type { StreamKeeper } from './stream-keeper.js';
import { Suspensions } from './suspensions.js';
import type { OpenOptions, TunnelCoreOptions, TunnelEvent } from './tunnel-options.js';

export type { OpenOptions, TunnelCoreOptions, TunnelEvent };

/** What an application has given up or finished waits so long for the other side's last word. */
const LINGER_MS = 30_000;

/** A re-open asks little of a relay: from this attempt on (up to 5 s) the pause grows no longer, far below any window. */
const MAX_REOPEN_ATTEMPT = 3;
/** Whoever kept its place for so long is not in a loop of losing it. */
const CALM_MS = 10_000;

/**
 * connecting ──WELCOME──> open <──WELCOME── suspended ──resume window over──> closed
 *                          └──connection lost──^
 *
 * In each state there may be a connection that carries streams (`current`), and beside it one that is being dialed
 * (`candidate`), and older ones that are left as soon as they carry nothing (`leaving`).
 */
type State =
  | { kind: 'connecting'; dialsLeft: number }
  | { kind: 'open' }
  | { kind: 'suspended'; deadline: number; error: TrunklineError }
  | { kind: 'closed'; error: TrunklineError };

/**
 * An endpoint's tunnel, dialer side: its streams by uid, and the connections that carry them. Events are queued and
 * taken by the driver after each step, so that no application code runs inside the core.
 */
export class TunnelCore implements StreamKeeper {
  private state: State;
  private current: ConnectionCore | undefined;
  private candidate: ConnectionCore | undefined;
  private readonly leaving = new Set<ConnectionCore>();
  /** The peer of `current` takes nothing new. */
  private isTurnedAway = false;
  /** After that the peer, which is still there, is asked again. */
  private turnedAwayUntil = Number.POSITIVE_INFINITY;
  private lastLimits: Readonly<Limits> = LIMITS_BEFORE_HANDSHAKE;
  /** What makes this endpoint known to a relay, on each of its connections. A secret. */
  readonly endpoint: string | undefined;
  private readonly streams = new Set<StreamCore>();
  /** Those that somebody else opened, for the opener to find again. */
  private readonly accepted = new Map<string, StreamCore>();
  private readonly suspensions = new Suspensions();
  private readonly lingering = new Map<StreamCore, number>();
  private readonly settledAt = new WeakMap<StreamCore, number>();
  /** Connects the relay has not answered. */
  private readonly pendingConnects = new Set<StreamCore>();
  /** Streams not opened yet: there is no connection that takes them, or the relay allows no more connects at once. */
  private readonly waiting = new Set<StreamCore>();
  /** Dials in a row that were answered with a no for good. */
  private refusals = 0;
  private events: TunnelEvent[] = [];

  constructor(private readonly options: TunnelCoreOptions) {
    this.state = { kind: 'connecting', dialsLeft: options.firstDials ?? 1 };
    this.endpoint = options.resumeWindowMs > 0 ? options.randomId() : undefined;
  }

  /** The connection that carries what is opened now. */
  get connection(): ConnectionCore | undefined {
    return this.current;
  }

  get stateName(): State['kind'] {
    return this.state.kind;
  }

  get peerLimits(): Readonly<Limits> {
    return this.current?.peerLimits ?? this.lastLimits;
  }

  /** Streams that are not over for both sides. */
  get streamCount(): number {
    return this.streams.size;
  }

  get suspendedCount(): number {
    return this.suspensions.size;
  }

  /** All that this side has opened waits for others, who may be somewhere else. */
  get isStranded(): boolean {
    if (this.suspensions.size === 0 || this.state.kind !== 'open') return false;
    const own = [...this.streams].filter((stream) => stream.isInitiator && !stream.isLingering);
    return own.length > 0 && own.every((stream) => this.suspensions.deadlineOf(stream) !== undefined);
  }

  takeEvents(): TunnelEvent[] {
    const events = this.events;
    if (events.length > 0) this.events = [];
    return events;
  }

  // ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** A transport is being dialed: this is its connection. @throws TrunklineError LIMIT_BYTES when the token does not fit */
  dial(): ConnectionCore {
    const { limits, handshakeTimeoutMs, token, now } = this.options;
    const connection: ConnectionCore = new ConnectionCore(
      { role: 'dialer', limits, now: now(), ...(handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs }) },
      this.ownerOf(() => connection),
    );
    connection.hello({ token, endpoint: this.endpoint });
    this.dropCandidate();
    // Nobody waits for the first WELCOME: what is opened goes out behind HELLO.
    if (this.state.kind === 'connecting') this.current = connection;
    else this.candidate = connection;
    return connection;
  }

  /** One dial at a time: an older one that hangs must not come to life, or die, in the place of a newer. */
  private dropCandidate(): void {
    const { candidate } = this;
    if (candidate === undefined) return;
    this.candidate = undefined;
    this.leaving.add(candidate);
    candidate.leave(new TrunklineError('GOING_AWAY', 'another dial took its place'));
  }

  private ownerOf(connection: () => ConnectionCore): ConnectionOwner {
    return {
      helloReceived: () => {
        throw new TrunklineError('PROTOCOL', 'HELLO at a dialer');
      },
      welcomeReceived: (welcome) => this.welcomed(connection(), welcome),
      openReceived: (id, open) => this.openReceived(connection(), id, open),
      noticeReceived: (error, graceMs, now) => this.turnedAway(connection(), error, graceMs, now),
      connectionEnded: (error) => this.connectionEnded(connection(), error),
    };
  }

  private welcomed(connection: ConnectionCore, welcome: Welcome): void {
    const former = this.current === connection ? undefined : this.current;
    const isFirst = this.state.kind === 'connecting';
    this.state = { kind: 'open' };
    this.current = connection;
    this.candidate = undefined;
    this.refusals = 0;
    this.endTurnedAway();
    this.lastLimits = connection.peerLimits;
    this.events.push(isFirst ? { type: 'open', welcome } : { type: 'resumed' });
    if (former) this.moveFrom(former);
    this.suspensions.retryAll(this.options.now());
    this.advance();
  }

  /**
   * Our own streams go first; those that others opened here follow when their initiators have moved. One that would not
   * survive it stays.
   */
  private moveFrom(former: ConnectionCore): void {
    this.leaving.add(former);
    for (const stream of this.streams) {
      if (stream.isInitiator && stream.isResumable && stream.connection === former) {
        stream.leavePlace();
        this.suspended(stream);
      }
    }
  }

  private turnedAway(connection: ConnectionCore, error: TrunklineError, graceMs: number, now: number): void {
    if (connection !== this.current || this.options.resumeWindowMs === 0 || this.isTurnedAway) return;
    this.isTurnedAway = true;
    this.turnedAwayUntil = now + this.options.resumeWindowMs;
    this.events.push({ type: 'turnedAway', retryAfterMs: Math.min(error.retryAfterMs ?? 0, graceMs) });
  }

  private endTurnedAway(): void {
    this.isTurnedAway = false;
    this.turnedAwayUntil = Number.POSITIVE_INFINITY;
  }

  private connectionEnded(connection: ConnectionCore, error: TrunklineError): void {
    if (this.leaving.delete(connection) || this.state.kind === 'closed') return;
    if (connection === this.candidate) return this.candidateEnded(error);
    if (connection !== this.current) return;
    this.current = undefined;
    if (this.survives(error)) this.lose(error);
    else this.finish(error);
  }

  /** A dial came to nothing. What one address refuses another may grant: only if all do, in a row, it is the end. */
  private candidateEnded(error: TrunklineError): void {
    this.candidate = undefined;
    this.refusals = isLost(error) ? 0 : this.refusals + 1;
    if (this.current === undefined && this.refusals >= (this.options.firstDials ?? 1)) this.finish(error);
    else this.events.push({ type: 'dialFailed', error });
  }

  private lose(error: TrunklineError): void {
    if (this.state.kind === 'connecting') {
      this.state.dialsLeft--;
      this.events.push({ type: 'dialFailed', error });
    } else {
      this.state = { kind: 'suspended', deadline: this.options.now() + this.options.resumeWindowMs, error };
      this.events.push({ type: 'suspended', error });
    }
  }

  /** Leaves those that carry nothing any more. */
  private leaveEmpty(): void {
    for (const connection of this.leaving) {
      if (connection.streamCount === 0)
        connection.leave(new TrunklineError('GOING_AWAY', 'moved to another connection'));
    }
  }

  close(error: TrunklineError): void {
    if (this.state.kind !== 'closed') this.finish(error);
  }

  private finish(error: TrunklineError): void {
    this.state = { kind: 'closed', error };
    for (const connection of [this.current, this.candidate, ...this.leaving]) connection?.fail(error);
    this.current = undefined;
    this.candidate = undefined;
    for (const stream of [...this.streams]) stream.fail(error.clone());
    this.events.push({ type: 'closed', error });
  }

  // ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  nextDeadline(): number {
    if (this.state.kind === 'closed') return Number.POSITIVE_INFINITY;
    const retry = this.takesOpens ? this.suspensions.nextRetry() : Number.POSITIVE_INFINITY;
    const ownDeadline = this.state.kind === 'suspended' ? this.state.deadline : Number.POSITIVE_INFINITY;
    const [lingering] = this.lingering.values();
    const ofStreams = Math.min(this.suspensions.nextDeadline(), lingering ?? Number.POSITIVE_INFINITY);
    return Math.min(retry, ownDeadline, this.turnedAwayUntil, ofStreams);
  }

  /** Does what is due: gives up, and opens again. */
  advance(): void {
    const now = this.options.now();
    if (this.state.kind === 'suspended' && this.state.deadline <= now) this.finish(this.expired(this.state.error));
    for (const stream of this.suspensions.expired(now)) this.giveUp(stream);
    for (const [stream, deadline] of this.lingering) {
      if (deadline > now) break;
      this.giveUp(stream);
    }
    if (this.turnedAwayUntil <= now) this.endTurnedAway();
    if (this.takesOpens) {
      for (const stream of this.suspensions.due(now)) this.openAgain(stream, now);
      this.startWaiting();
    }
    this.leaveEmpty();
  }

  private giveUpIfAny(stream: StreamCore | undefined): boolean {
    if (stream) this.giveUp(stream);
    return stream !== undefined;
  }

  private giveUp(stream: StreamCore): void {
    stream.leavePlace();
    stream.fail(this.expired());
  }

  private expired(cause?: TrunklineError): TrunklineError {
    const text = `there was no connection for ${this.options.resumeWindowMs} ms`;
    return new TrunklineError('RESUME_EXPIRED', cause ? `${text}: ${cause.message}` : text, cause ? { cause } : {});
  }

  private openAgain(stream: StreamCore, now: number): void {
    const connection = this.current as ConnectionCore;
    const deadline = this.suspensions.deadlineOf(stream) ?? now;
    try {
      stream.openAgainOn(connection, Math.max(0, Math.ceil(deadline - now)));
    } catch {
      // Full for now; the deadline stays.
      this.suspended(stream);
    }
  }

  private get takesOpens(): boolean {
    return this.current?.isOpen === true && !this.isTurnedAway;
  }

  // ── StreamKeeper ─────────────────────────────────────────────────────────────────────────────────────────────────

  survives(error: TrunklineError): boolean {
    if (this.options.resumeWindowMs === 0 || this.state.kind === 'closed') return false;
    return this.state.kind === 'connecting' ? this.state.dialsLeft > 1 : isLost(error);
  }

  /** What others opened here and left is kept as long as there is room: they need not come back, and could leave more. */
  suspended(stream: StreamCore): void {
    const now = this.options.now();
    this.lingering.delete(stream);
    if (now - (this.settledAt.get(stream) ?? now) >= CALM_MS) stream.fruitlessReopens = 0;
    const delayMs = backoffMs(Math.min(stream.fruitlessReopens, MAX_REOPEN_ATTEMPT), this.options.random);
    this.suspensions.add(stream, now + this.options.resumeWindowMs, now + delayMs);
    if (this.suspensions.othersCount > this.options.limits.maxStreams) this.giveUpIfAny(this.suspensions.leastMissed());
    this.leaveEmpty();
  }

  settled(stream: StreamCore): void {
    this.suspensions.remove(stream);
    this.settledAt.set(stream, this.options.now());
  }

  lingers(stream: StreamCore): void {
    this.answered(stream);
    // One that is suspended has its deadline there.
    if (this.suspensions.deadlineOf(stream) === undefined) this.lingering.set(stream, this.options.now() + LINGER_MS);
  }

  gone(stream: StreamCore): void {
    this.streams.delete(stream);
    this.waiting.delete(stream);
    this.suspensions.remove(stream);
    this.lingering.delete(stream);
    if (this.accepted.get(stream.uid) === stream) this.accepted.delete(stream.uid);
    this.answered(stream);
    this.startWaiting();
    this.leaveEmpty();
  }

  // ── streams of this side ─────────────────────────────────────────────────────────────────────────────────────────

  /** Opens a stream. What cannot be opened fails like any stream, by its event: callers have one place to look. */
  open(target: Target, meta: Json, options: OpenOptions = {}): StreamCore {
    const uid = options.uid ?? this.options.randomId();
    const stream = this.createStream(uid, target, meta, this.secretOf(target, options));
    const failure = this.refusalOf(options);
    if (failure !== undefined) stream.fail(failure);
    else if (options.offer) this.acceptOn(stream, options.offer.listener.connection);
    else if (this.mustWait(stream)) this.waiting.add(stream);
    else this.start(stream, this.current as ConnectionCore);
    return stream;
  }

  /** The secret of a stream that is to outlive its connection. */
  private secretOf(target: Target, { isMortal, offer }: OpenOptions): string | undefined {
    if (isMortal || this.options.resumeWindowMs === 0) return undefined;
    if (offer) return offer.offer.key;
    return target.kind === 'connect' ? this.options.randomId() : undefined;
  }

  private refusalOf({ offer }: OpenOptions): TrunklineError | undefined {
    if (this.state.kind === 'closed') return this.state.error.clone();
    if (offer && this.acceptAgain(offer.listener, offer.offer))
      return new TrunklineError('CANCELED', 'that stream is here already');
    const { maxStreams } = this.peerLimits;
    if (this.openCount - this.departingCount < maxStreams || this.giveUpIfAny(this.suspensions.ownLingering()))
      return undefined;
    return new TrunklineError('LIMIT_STREAMS', `the peer allows ${maxStreams} streams on one tunnel`);
  }

  /** Streams that have an id, or will ask for one. */
  private get openCount(): number {
    return (this.current?.localStreamCount ?? 0) + this.waiting.size + this.suspensions.withoutPlaceCount;
  }

  /** Those of them that will be free without anybody's doing: the other side owes its last word. */
  private get departingCount(): number {
    return this.lingering.size;
  }

  private mustWait(stream: StreamCore): boolean {
    const isReady = this.state.kind === 'connecting' ? this.current !== undefined : this.takesOpens;
    const isFull = (this.current?.localStreamCount ?? 0) >= this.peerLimits.maxStreams;
    if (!isReady || (isFull && this.departingCount > 0)) return true;
    return stream.target.kind === 'connect' && this.pendingConnects.size >= this.maxPendingConnects;
  }

  private acceptOn(stream: StreamCore, connection: ConnectionCore | undefined): void {
    if (connection === undefined)
      return stream.fail(new TrunklineError('CANCELED', 'the offer went with its connection'));
    this.accepted.set(stream.uid, stream);
    this.start(stream, connection);
  }

  private start(stream: StreamCore, connection: ConnectionCore): void {
    try {
      stream.openOn(connection);
      // Not before: one that fails to start must not start the next from within.
      if (stream.target.kind === 'connect') this.pendingConnects.add(stream);
    } catch (error) {
      stream.fail(toTrunklineError(error, 'INTERNAL'));
    }
  }

  private startWaiting(): void {
    if (!this.takesOpens) return;
    for (const stream of this.waiting) {
      if (this.mustWait(stream)) continue;
      this.waiting.delete(stream);
      this.start(stream, this.current as ConnectionCore);
    }
  }

  /** Until the relay says otherwise, its defaults are assumed. */
  private get maxPendingConnects(): number {
    return this.current?.isOpen ? this.current.peerLimits.maxPendingConnects : DEFAULT_LIMITS.maxPendingConnects;
  }

  private createStream(uid: string, target: Target, meta: Json, secret?: string, isIncoming = false): StreamCore {
    const { window, prove, limits } = this.options;
    const stream = new StreamCore(
      {
        uid,
        target,
        meta,
        window,
        isInitiator: !isIncoming && target.kind !== 'accept',
        key: secret === undefined ? undefined : new ResumeKey(secret, uid, prove),
        keeper: this,
        observer: (source, event) => this.observe(source, event),
      },
      isIncoming ? limits.earlyWindowBytes : 0,
    );
    this.streams.add(stream);
    return stream;
  }

  // ── what streams tell ────────────────────────────────────────────────────────────────────────────────────────────

  private observe(stream: StreamCore, event: StreamEvent): void {
    if (event.type === 'refuse') throw new TrunklineError('PROTOCOL', 'REFUSE at an endpoint');
    if (event.type === 'offer' && this.acceptAgain(stream, event.offer)) return;
    this.events.push({ type: 'stream', stream, event });
    if (event.type === 'opened') this.answered(stream);
  }

  private answered(stream: StreamCore): void {
    if (this.pendingConnects.delete(stream)) this.startWaiting();
  }

  /** A client that never saw its ACCEPT connects again: the application has that stream already, and is not asked. */
  private acceptAgain(listener: StreamCore, offer: Offer): boolean {
    const stream = this.accepted.get(offer.uid);
    const { connection } = listener;
    if (stream === undefined || connection === undefined) return false;
    try {
      stream.acceptAgainOn(connection, offer);
    } catch (error) {
      // It may have left its place already.
      if (stream.isSuspended) this.suspended(stream);
      listener.refuse(offer.id, toErrorPayload(error));
    }
    this.leaveEmpty();
    return true;
  }

  // ── streams of others ────────────────────────────────────────────────────────────────────────────────────────────

  private openReceived(connection: ConnectionCore, id: number, open: Open): void {
    switch (open.target.kind) {
      case 'plain':
        return this.take(connection, id, open);
      case 'resume':
        return this.resume(connection, id, open);
      default:
        connection.refuse(id, {
          code: 'FORBIDDEN',
          reason: `this side is no relay: it does not know the target ${open.target.kind}`,
        });
    }
  }

  private take(connection: ConnectionCore, id: number, open: Open): void {
    const stream = this.createStream(open.uid, open.target, null, undefined, true);
    stream.placeOn(connection, id, open);
    this.events.push({ type: 'incoming', stream, meta: open.meta });
  }

  private resume(connection: ConnectionCore, id: number, open: Open): void {
    try {
      const stream = this.accepted.get(open.uid);
      if (stream === undefined) throw new TrunklineError('RESUME_UNKNOWN', 'there is no such stream here');
      stream.resumeOn(connection, id, open);
    } catch (error) {
      connection.refuse(id, toErrorPayload(toTrunklineError(error, 'INTERNAL')));
    }
    this.leaveEmpty();
  }
}
