import { TrunklineError } from '../protocol/errors.js';
import type { Open, Welcome } from '../protocol/frames.js';
import { LIMITS_BEFORE_HANDSHAKE, type Limits } from '../protocol/limits.js';
import type { ConnectionCore } from './connection.js';
import type { IncomingConnection } from './incoming-connection.js';
import { isLost } from './lost.js';
import { type ConnectionsUser, expired, type TunnelConnections } from './tunnel-connections.js';

/** What an acceptor answers besides what the tunnel itself has to say. */
export type AcceptorAnswer = Pick<Welcome, 'heartbeat' | 'relayId' | 'protocol'>;

export interface AcceptedConnectionsOptions {
  /** What the tunnel is known by; whoever may come back has shown the secret that it is made from. */
  id: string;
  /** Its dialer can show that secret again. */
  canReturn: boolean;
  resumeWindowMs: number;
  now: () => number;
}

type State =
  | { kind: 'connecting' }
  | { kind: 'open'; connection: ConnectionCore }
  | { kind: 'suspended'; deadline: number; error: TrunklineError }
  | { kind: 'closed'; error: TrunklineError };

/** A tunnel's connections at its acceptor: it can do nothing for another one but wait until the dialer is back. */
export class AcceptedConnections implements TunnelConnections {
  private state: State = { kind: 'connecting' };
  private lastLimits: Readonly<Limits> = LIMITS_BEFORE_HANDSHAKE;

  constructor(
    private readonly options: AcceptedConnectionsOptions,
    private readonly user: ConnectionsUser,
  ) {}

  get stateName(): State['kind'] {
    return this.state.kind;
  }

  get current(): ConnectionCore | undefined {
    return this.state.kind === 'open' ? this.state.connection : undefined;
  }

  get endReason(): TrunklineError | undefined {
    return this.state.kind === 'closed' ? this.state.error : undefined;
  }

  get peerLimits(): Readonly<Limits> {
    return this.current?.peerLimits ?? this.lastLimits;
  }

  get returnId(): string | undefined {
    return this.isKept ? this.options.id : undefined;
  }

  get takesOpens(): boolean {
    return this.current?.isOpen === true;
  }

  get takesFirstOpens(): boolean {
    return this.takesOpens;
  }

  survives(error: TrunklineError): boolean {
    return this.isKept && this.state.kind !== 'closed' && isLost(error);
  }

  private get isKept(): boolean {
    return this.options.canReturn && this.options.resumeWindowMs > 0;
  }

  /**
   * The dialer is here, for the first time or again. A connection that it had may be a ghost, which one side alone takes
   * for alive: it is ended first, so that no stream is on two.
   */
  take(incoming: IncomingConnection, answer: AcceptorAnswer, now: number): void {
    const connection = incoming.core;
    if (connection.hasEnded || this.state.kind === 'closed') return;
    this.current?.fail(new TrunklineError('CONNECTION_LOST', 'the endpoint came back on another connection'));
    const isReturning = this.state.kind !== 'connecting';
    this.state = { kind: 'open', connection };
    this.lastLimits = connection.peerLimits;
    incoming.giveTo(this);
    this.user.tell(isReturning ? { type: 'resumed' } : { type: 'open' });
    const { id, resumeWindowMs } = this.options;
    const keptForMs = this.isKept ? resumeWindowMs : 0;
    connection.welcome({ ...answer, tunnelId: id, isReturning, resumeWindowMs: keptForMs }, now);
    this.user.welcomed(undefined);
  }

  /** @internal */
  openReceived(connection: ConnectionCore, id: number, open: Open): void {
    this.user.openReceived(connection, id, open);
  }

  /** @internal */
  ended(connection: ConnectionCore, error: TrunklineError): void {
    if (connection !== this.current) return;
    if (!this.survives(error)) return this.finish(error);
    const deadline = this.options.now() + this.options.resumeWindowMs;
    this.state = { kind: 'suspended', deadline, error };
    this.user.tell({ type: 'suspended', error });
  }

  /** What has moved has moved away from a connection that is over. */
  leaveEmpty(): void {}

  finish(error: TrunklineError): void {
    if (this.state.kind === 'closed') return;
    const connection = this.current;
    this.state = { kind: 'closed', error };
    connection?.fail(error);
    this.user.finished(error);
    this.user.tell({ type: 'closed', error });
  }

  nextDeadline(): number {
    return this.state.kind === 'suspended' ? this.state.deadline : Number.POSITIVE_INFINITY;
  }

  advance(now: number): void {
    if (this.state.kind !== 'suspended' || this.state.deadline > now) return;
    this.finish(expired(this.options.resumeWindowMs, this.state.error));
  }
}
