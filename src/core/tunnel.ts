import { TrunklineError, toTrunklineError } from '../protocol/errors.js';
import type { Open, Target } from '../protocol/frames.js';
import type { Limits } from '../protocol/limits.js';
import type { Json } from '../protocol/meta.js';
import { AcceptedConnections } from './accepted-connections.js';
import { AcceptedStreams, type AcceptedStreamsTunnel, usedUp } from './accepted-streams.js';
import type { ConnectionCore } from './connection.js';
import { DialedConnections } from './dialed-connections.js';
import { OpenQueue } from './open-queue.js';
import { ResumeKey } from './resume-key.js';
import { StreamCore, type StreamEvent } from './stream.js';
import { StreamDeadlines } from './stream-deadlines.js';
import type { StreamKeeper } from './stream-keeper.js';
import { type ConnectionsUser, expired, type TunnelConnections } from './tunnel-connections.js';
import type { OpenOptions, TunnelCoreOptions, TunnelEvent } from './tunnel-options.js';
import { UnusedDeadline } from './unused-deadline.js';

export type { OpenOptions, TunnelCoreOptions, TunnelEvent };

/** Who opened a stream, and what it takes to carry it on. */
interface Origin {
  isIncoming: boolean;
  secret?: string | undefined;
  /** Of one that the peer has opened: where it can be opened again. */
  returnId?: string | undefined;
}

/**
 * An endpoint's tunnel: its streams, and who of them is on which of its connections. Events are queued and taken by the
 * driver after each step, so that no application code runs inside the core.
 *
 *   connections   which there are, and what becomes of the tunnel without one
 *   opening       who may be opened now, and who waits
 *   accepted      those that somebody else opened, and may open again
 *   deadlines     until when a stream without a place is waited for
 */
export class TunnelCore<Connections extends TunnelConnections = TunnelConnections>
  implements StreamKeeper, ConnectionsUser, AcceptedStreamsTunnel
{
  readonly connections: Connections;
  private readonly opening: OpenQueue;
  private readonly deadlines: StreamDeadlines;
  private readonly streams = new Set<StreamCore>();
  private readonly accepted: AcceptedStreams;
  private events: TunnelEvent[] = [];
  private readonly unusedDeadline: UnusedDeadline;

  constructor(
    private readonly options: TunnelCoreOptions,
    connect: (user: ConnectionsUser) => Connections,
  ) {
    this.connections = connect(this);
    this.accepted = new AcceptedStreams(this.connections, this);
    this.unusedDeadline = new UnusedDeadline(options.mode ?? 'multi', options.idleTimeoutMs ?? 0);
    this.deadlines = new StreamDeadlines(options.resumeWindowMs, options.random);
    this.opening = new OpenQueue(this.connections, this.deadlines, (stream) => this.start(stream, this.connection));
  }

  /** The connection that carries what is opened now. */
  get connection(): ConnectionCore | undefined {
    return this.connections.current;
  }

  get stateName(): TunnelConnections['stateName'] {
    return this.connections.stateName;
  }

  get peerLimits(): Readonly<Limits> {
    return this.connections.peerLimits;
  }

  /** Streams that are not over for both sides. */
  get streamCount(): number {
    return this.streams.size;
  }

  get suspendedCount(): number {
    return this.deadlines.suspensions.size;
  }

  /** All that this side has opened waits for others, who may be somewhere else. */
  get isStranded(): boolean {
    const { suspensions } = this.deadlines;
    if (suspensions.size === 0 || this.stateName !== 'open') return false;
    const own = [...this.streams].filter((stream) => stream.isInitiator && !stream.isLingering);
    return own.length > 0 && own.every((stream) => suspensions.deadlineOf(stream) !== undefined);
  }

  takeEvents(): TunnelEvent[] {
    const events = this.events;
    if (events.length > 0) this.events = [];
    return events;
  }

  close(error: TrunklineError): void {
    this.connections.finish(error);
  }

  // ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  nextDeadline(): number {
    if (this.stateName === 'closed') return Number.POSITIVE_INFINITY;
    const retry = this.connections.takesOpens ? this.deadlines.suspensions.nextRetry() : Number.POSITIVE_INFINITY;
    return Math.min(retry, this.connections.nextDeadline(), this.deadlines.next(), this.unusedDeadline.next());
  }

  /** Does what is due: gives up, and opens again. */
  advance(): void {
    const now = this.options.now();
    this.connections.advance(now);
    for (const stream of this.deadlines.expired(now)) this.giveUp(stream);
    if (this.connections.takesOpens) {
      for (const stream of this.deadlines.suspensions.due(now)) this.openAgain(stream, now);
      this.opening.advance();
    }
    this.connections.leaveEmpty();
    const reason = this.unusedDeadline.reason(now);
    if (reason !== undefined) this.close(new TrunklineError('TUNNEL_CLOSED', reason));
  }

  private giveUpIfAny(stream: StreamCore | undefined): boolean {
    if (stream) this.giveUp(stream);
    return stream !== undefined;
  }

  private giveUp(stream: StreamCore): void {
    stream.leavePlace();
    stream.fail(expired(this.options.resumeWindowMs));
  }

  private openAgain(stream: StreamCore, now: number): void {
    const deadline = this.deadlines.suspensions.deadlineOf(stream) ?? now;
    try {
      stream.openAgainOn(this.connection as ConnectionCore, Math.max(0, Math.ceil(deadline - now)));
    } catch {
      // Full for now; the deadline stays.
      this.suspended(stream);
    }
  }

  // ── StreamKeeper ─────────────────────────────────────────────────────────────────────────────────────────────────

  survives(error: TrunklineError): boolean {
    return this.connections.survives(error);
  }

  /** What others opened here and left is kept as long as there is room: they need not come back, and could leave more. */
  suspended(stream: StreamCore): void {
    this.deadlines.suspended(stream, this.options.now());
    const { suspensions } = this.deadlines;
    if (suspensions.othersCount > this.options.limits.maxStreams) this.giveUpIfAny(suspensions.leastMissed());
    this.connections.leaveEmpty();
  }

  settled(stream: StreamCore): void {
    this.deadlines.settled(stream, this.options.now());
  }

  lingers(stream: StreamCore): void {
    this.opening.answered(stream);
    this.deadlines.lingers(stream, this.options.now());
  }

  gone(stream: StreamCore): void {
    this.streams.delete(stream);
    this.opening.remove(stream);
    this.deadlines.remove(stream);
    this.accepted.remove(stream);
    this.opening.advance();
    this.connections.leaveEmpty();
    this.noteIfUnused();
  }

  private noteIfUnused(): void {
    if (this.streams.size === 0) this.unusedDeadline.unused(this.options.now(), this.stateName !== 'connecting');
  }

  // ── ConnectionsUser ──────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Our own streams move first; those that others opened here follow when their initiators have moved. One that would not
   * survive it stays.
   */
  welcomed(former: ConnectionCore | undefined): void {
    for (const stream of former ? this.streams : []) {
      if (stream.isInitiator && stream.isResumable && stream.connection === former) {
        stream.leavePlace();
        this.suspended(stream);
      }
    }
    this.deadlines.suspensions.retryAll(this.options.now());
    if (this.connections.returnId !== undefined) this.awaitLastWords();
    this.noteIfUnused();
    this.advance();
  }

  /**
   * The other end of all of them is here again: what it does not come back for soon, it has finished with, and only its last
   * word was lost.
   */
  private awaitLastWords(): void {
    for (const stream of this.accepted.unheard()) {
      this.deadlines.remove(stream);
      this.deadlines.lingers(stream, this.options.now());
    }
  }

  /** Who opened here a stream that the peer does not have any more will not come back for it. Ours are asked for, and refused. */
  forgotten(): void {
    this.accepted.forget();
  }

  finished(error: TrunklineError): void {
    for (const stream of [...this.streams]) stream.fail(error.clone());
  }

  tell(event: TunnelEvent): void {
    this.events.push(event);
  }

  openReceived(connection: ConnectionCore, id: number, open: Open): void {
    this.accepted.openReceived(connection, id, open);
  }

  // ── AcceptedStreamsTunnel ────────────────────────────────────────────────────────────────────────────────────────

  get isUsedUp(): boolean {
    return this.unusedDeadline.isUsedUp;
  }

  createIncoming({ uid, target, key }: Open): StreamCore {
    const { returnId } = this.connections;
    const carriedOn = key === undefined || returnId === undefined ? {} : { secret: key, returnId };
    return this.createStream({ uid, target, meta: null, isIncoming: true, ...carriedOn });
  }

  // ── streams of this side ─────────────────────────────────────────────────────────────────────────────────────────

  /** Opens a stream. What cannot be opened fails like any stream, by its event: callers have one place to look. */
  open(target: Target, meta: Json, options: OpenOptions = {}): StreamCore {
    const uid = options.uid ?? this.options.randomId();
    const failure = this.refusalOf(options);
    const stream = this.createStream({ uid, target, meta, isIncoming: false, secret: this.secretOf(target, options) });
    if (failure !== undefined) stream.fail(failure);
    else if (options.offer) this.acceptOn(stream, options.offer.listener.connection);
    else this.opening.add(stream);
    return stream;
  }

  /** The secret of a stream that is to outlive its connection. */
  private secretOf(target: Target, { isMortal, offer }: OpenOptions): string | undefined {
    if (isMortal || this.options.resumeWindowMs === 0) return undefined;
    if (offer) return offer.offer.key;
    return target.kind === 'connect' || target.kind === 'plain' ? this.options.randomId() : undefined;
  }

  private refusalOf({ offer }: OpenOptions): TrunklineError | undefined {
    const { endReason } = this.connections;
    if (endReason !== undefined) return endReason.clone();
    if (this.isUsedUp) return usedUp();
    if (offer && this.accepted.acceptAgain(offer.listener, offer.offer))
      return new TrunklineError('CANCELED', 'that stream is here already');
    if (this.opening.hasRoom || this.giveUpIfAny(this.deadlines.suspensions.ownLingering())) return undefined;
    return new TrunklineError('LIMIT_STREAMS', `the peer allows ${this.peerLimits.maxStreams} streams on one tunnel`);
  }

  private acceptOn(stream: StreamCore, connection: ConnectionCore | undefined): void {
    if (connection !== undefined) this.accepted.add(stream);
    this.start(stream, connection);
  }

  private start(stream: StreamCore, connection: ConnectionCore | undefined): boolean {
    try {
      if (connection === undefined) throw new TrunklineError('CANCELED', 'the offer went with its connection');
      stream.openOn(connection);
      return true;
    } catch (error) {
      stream.fail(toTrunklineError(error, 'INTERNAL'));
      return false;
    }
  }

  private createStream(options: { uid: string; target: Target; meta: Json } & Origin): StreamCore {
    const { window, prove, limits } = this.options;
    const { uid, target, meta, secret, returnId, isIncoming } = options;
    const stream = new StreamCore(
      {
        uid,
        target,
        meta,
        window,
        returnId,
        isInitiator: !isIncoming && target.kind !== 'accept',
        key: secret === undefined ? undefined : new ResumeKey(secret, uid, prove),
        keeper: this,
        observer: (source, event) => this.observe(source, event),
      },
      isIncoming ? limits.earlyWindowBytes : 0,
    );
    this.streams.add(stream);
    this.unusedDeadline.used();
    return stream;
  }

  private observe(stream: StreamCore, event: StreamEvent): void {
    if (event.type === 'refuse') throw new TrunklineError('PROTOCOL', 'REFUSE at an endpoint');
    // The application has that stream already, and is not asked.
    if (event.type === 'offer' && this.accepted.acceptAgain(stream, event.offer)) return;
    this.tell({ type: 'stream', stream, event });
    if (event.type === 'opened') this.opening.answered(stream);
  }
}

export type DialedTunnelCore = TunnelCore<DialedConnections>;

export function createDialedTunnel(options: TunnelCoreOptions): DialedTunnelCore {
  return new TunnelCore(options, (user) => new DialedConnections(options, user));
}

export type AcceptedTunnelCore = TunnelCore<AcceptedConnections>;

/** @param canReturn its dialer has shown a secret that it can show again; `id` is made from it */
export function createAcceptedTunnel(options: TunnelCoreOptions, id: string, canReturn: boolean): AcceptedTunnelCore {
  const { resumeWindowMs, now } = options;
  return new TunnelCore(options, (user) => new AcceptedConnections({ id, canReturn, resumeWindowMs, now }, user));
}
