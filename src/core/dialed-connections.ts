import { TrunklineError } from '../protocol/errors.js';
import type { Welcome } from '../protocol/frames.js';
import { LIMITS_BEFORE_HANDSHAKE, type Limits } from '../protocol/limits.js';
import { ConnectionCore, type ConnectionOwner } from './connection.js';
import { isLost } from './lost.js';
import { type ConnectionsUser, expired, type TunnelConnections } from './tunnel-connections.js';
import type { TunnelCoreOptions } from './tunnel-options.js';

/**
 * connecting ──WELCOME──> open <──WELCOME── suspended ──resume window over──> closed
 *                          └──connection lost──^
 */
type State =
  | { kind: 'connecting'; dialsLeft: number }
  | { kind: 'open' }
  | { kind: 'suspended'; deadline: number; error: TrunklineError }
  | { kind: 'closed'; error: TrunklineError };

/**
 * A tunnel's connections at its dialer: one that carries streams (`current`), beside it one that is being
 * dialed (`candidate`), and older ones that are left as soon as they carry nothing (`leaving`).
 */
export class DialedConnections implements TunnelConnections {
  private state: State;
  private active: ConnectionCore | undefined;
  private candidate: ConnectionCore | undefined;
  private readonly leaving = new Set<ConnectionCore>();
  /** While the peer of `current` takes nothing new; after that, if it is still there, it is asked again. */
  private turnedAwayUntil: number | undefined;
  private lastLimits: Readonly<Limits> = LIMITS_BEFORE_HANDSHAKE;
  /** Dials in a row that were answered with a no for good. */
  private refusals = 0;
  /** What makes this endpoint known to its acceptors, on each of its connections. A secret. */
  readonly endpoint: string | undefined;
  private lastWelcome: Welcome | undefined;

  constructor(
    private readonly options: TunnelCoreOptions,
    private readonly user: ConnectionsUser,
  ) {
    this.endpoint = options.resumeWindowMs > 0 ? options.randomId() : undefined;
    this.state = { kind: 'connecting', dialsLeft: this.addressCount };
  }

  get current(): ConnectionCore | undefined {
    return this.active;
  }

  get stateName(): State['kind'] {
    return this.state.kind;
  }

  get endReason(): TrunklineError | undefined {
    return this.state.kind === 'closed' ? this.state.error : undefined;
  }

  get peerLimits(): Readonly<Limits> {
    return this.active?.peerLimits ?? this.lastLimits;
  }

  /** What the acceptor said last. */
  get welcome(): Welcome | undefined {
    return this.lastWelcome;
  }

  get returnId(): string | undefined {
    return this.endpoint === undefined || this.isDropped ? undefined : this.lastWelcome?.tunnelId;
  }

  /** The other end of this tunnel forgets it with its connection. A relay has nothing to forget. */
  private get isDropped(): boolean {
    return this.lastWelcome?.tunnelId !== undefined && this.lastWelcome.resumeWindowMs === 0;
  }

  get takesOpens(): boolean {
    return this.active?.isOpen === true && this.turnedAwayUntil === undefined;
  }

  get takesFirstOpens(): boolean {
    return this.state.kind === 'connecting' ? this.active?.hasEnded === false : this.takesOpens;
  }

  survives(error: TrunklineError): boolean {
    if (this.options.resumeWindowMs === 0 || this.isDropped || this.state.kind === 'closed') return false;
    return this.state.kind === 'connecting' ? this.state.dialsLeft > 1 : this.isLost(error);
  }

  /** A transport is being dialed: this is its connection. @throws TrunklineError LIMIT_BYTES when the token does not fit */
  dial(token = this.options.token): ConnectionCore {
    const { limits, handshakeTimeoutMs, mode, protocols, now, firstLocalId } = this.options;
    const connection: ConnectionCore = new ConnectionCore(
      { role: 'dialer', limits, now: now(), handshakeTimeoutMs, firstLocalId },
      this.ownerOf(() => connection),
    );
    connection.onTokenRequest = (expiresInMs) => this.user.tell({ type: 'tokenWanted', connection, expiresInMs });
    connection.hello({ token, endpoint: this.endpoint, mode, protocols });
    this.dropCandidate();
    if (this.state.kind === 'connecting') this.active = connection;
    else this.candidate = connection;
    return connection;
  }

  private isLost(error: TrunklineError): boolean {
    return isLost(error) && (error.code !== 'TOKEN_EXPIRED' || this.options.renewsToken === true);
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
      openReceived: (id, open) => this.user.openReceived(connection(), id, open),
      noticeReceived: (error, graceMs, now) => this.turnedAway(connection(), error, graceMs, now),
      connectionEnded: (error) => this.ended(connection(), error),
    };
  }

  private welcomed(connection: ConnectionCore, welcome: Welcome): void {
    const former = this.active === connection ? undefined : this.active;
    const isFirst = this.state.kind === 'connecting';
    this.state = { kind: 'open' };
    this.active = connection;
    this.candidate = undefined;
    this.refusals = 0;
    this.turnedAwayUntil = undefined;
    this.lastLimits = connection.peerLimits;
    this.lastWelcome = welcome;
    if (former) this.leaving.add(former);
    this.user.tell(isFirst ? { type: 'open' } : { type: 'resumed' });
    if (!isFirst && welcome.tunnelId !== undefined && !welcome.isReturning) this.user.forgotten();
    this.user.welcomed(former);
  }

  private turnedAway(connection: ConnectionCore, error: TrunklineError, graceMs: number, now: number): void {
    const { resumeWindowMs } = this.options;
    if (connection !== this.active || resumeWindowMs === 0 || this.turnedAwayUntil !== undefined) return;
    this.turnedAwayUntil = now + resumeWindowMs;
    this.user.tell({ type: 'turnedAway', retryAfterMs: Math.min(error.retryAfterMs ?? 0, graceMs) });
  }

  // ── the end of one, and of all ───────────────────────────────────────────────────────────────────────────────────

  private ended(connection: ConnectionCore, error: TrunklineError): void {
    if (this.leaving.delete(connection) || this.state.kind === 'closed') return;
    if (connection === this.candidate) return this.candidateEnded(error);
    if (connection !== this.active) return;
    this.active = undefined;
    if (this.survives(error)) this.lose(error);
    else this.finish(error);
  }

  /** A dial came to nothing. What one address refuses another may grant: only if all do, in a row, it is the end. */
  private candidateEnded(error: TrunklineError): void {
    this.candidate = undefined;
    this.refusals = this.isLost(error) ? 0 : this.refusals + 1;
    if (this.active === undefined && this.refusals >= this.addressCount) this.finish(error);
    else this.user.tell({ type: 'dialFailed', error });
  }

  private lose(error: TrunklineError): void {
    if (this.state.kind === 'connecting') {
      this.state.dialsLeft--;
      this.user.tell({ type: 'dialFailed', error });
    } else {
      this.state = { kind: 'suspended', deadline: this.options.now() + this.options.resumeWindowMs, error };
      this.user.tell({ type: 'suspended', error });
    }
  }

  leaveEmpty(): void {
    for (const connection of this.leaving) {
      if (connection.streamCount === 0)
        connection.leave(new TrunklineError('GOING_AWAY', 'moved to another connection'));
    }
  }

  finish(error: TrunklineError): void {
    if (this.state.kind === 'closed') return;
    this.state = { kind: 'closed', error };
    for (const connection of [this.active, this.candidate, ...this.leaving]) connection?.fail(error);
    this.active = undefined;
    this.candidate = undefined;
    this.user.finished(error);
    this.user.tell({ type: 'closed', error });
  }

  // ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  nextDeadline(): number {
    return Math.min(this.givenUpAt, this.turnedAwayUntil ?? Number.POSITIVE_INFINITY);
  }

  /** When the tunnel is over, unless there is another connection by then. */
  get givenUpAt(): number {
    return this.state.kind === 'suspended' ? this.state.deadline : Number.POSITIVE_INFINITY;
  }

  advance(now: number): void {
    if (this.state.kind === 'suspended' && this.state.deadline <= now) {
      this.finish(expired(this.options.resumeWindowMs, this.state.error));
    }
    if (this.turnedAwayUntil !== undefined && this.turnedAwayUntil <= now) this.turnedAwayUntil = undefined;
  }

  /** How many a dial may go to; once the tunnel has been open, only the resume window counts. */
  private get addressCount(): number {
    return this.options.firstDials ?? 1;
  }
}
