import type { ConnectionCore, ConnectionOwner } from '../src/core/connection.js';
import { TrunklineError } from '../src/protocol/errors.js';
import type { Hello } from '../src/protocol/frames.js';
import type { Limits } from '../src/protocol/limits.js';
import { type Identification, OPEN_ACCESS, type RelayAccess } from './access-control.js';
import { Broker } from './broker.js';
import type { RelayEnvironment } from './context.js';
import { type RelayStats, toStats } from './counters.js';
import { inspect } from './inspect.js';
import type { RelayInspection, RelayState } from './inspection.js';
import { Ledger } from './ledger.js';
import type { Measured } from './metrics.js';
import type { ResolvedRelayOptions } from './options.js';
import { Parties } from './parties.js';
import { PeerConnection } from './peer-connection.js';
import { type Dialer, PeerLimits } from './peer-limits.js';
import { Registry, type RegistryEvents } from './registry.js';
import { TokenExpiries } from './token-expiries.js';

export interface RelayCoreEvents extends RegistryEvents {
  /** A tunnel completed its handshake. */
  tunnelOpened(connection: ConnectionCore): void;
  /** A defect of this relay ended a connection, and no more than that. */
  defectFound(error: TrunklineError): void;
}

/** Tunnels that are told to move come back to another relay not all at once, but within this share of their grace. */
const MOVE_SHARE = 4;

/** The relay without I/O: connections, the broker between them, and what becomes due when. */
export class RelayCore {
  private readonly connections = new Set<ConnectionCore>();
  private readonly registry: Registry;
  private readonly broker: Broker;
  private readonly peerLimits: PeerLimits;
  private readonly tokenExpiries = new TokenExpiries();
  private readonly renewing = new WeakSet<ConnectionCore>();
  private readonly turnedAway = new WeakSet<ConnectionCore>();
  private isDraining = false;
  private isClosed = false;
  private readonly announced: Limits;
  /** Called when the next deadline may have moved closer. */
  onDeadline: () => void = () => {};

  constructor(
    readonly options: ResolvedRelayOptions,
    private readonly relayId: string,
    private readonly environment: RelayEnvironment,
    private readonly events: RelayCoreEvents,
    private readonly access: RelayAccess = OPEN_ACCESS,
    readonly ledger: Ledger = new Ledger({ now: environment.now }),
  ) {
    this.announced = announced(options);
    const peerLimits = new PeerLimits(options, environment.now, () => environment.transportBytes?.() ?? 0);
    peerLimits.onDeadline = () => this.onDeadline();
    this.peerLimits = peerLimits;
    this.registry = new Registry({
      created: (name) => {
        this.ledger.nameCreated(name);
        this.broker.nameChanged(name);
        events.created(name);
      },
      destroyed: (name) => {
        this.ledger.nameDestroyed(name);
        this.broker.nameChanged(name);
        events.destroyed(name);
      },
    });
    this.broker = new Broker(
      {
        options,
        environment,
        registry: this.registry,
        counters: ledger.counters,
        parties: new Parties(),
        memory: peerLimits.memory,
        takeovers: peerLimits.takeovers,
        budgetOf: (connection) => peerLimits.budgetOf(connection),
        sourceOf: (connection) => peerLimits.sourceOf(connection),
        refused: (connection, code, name) => ledger.streamRefused(connection, code, name),
        deadlineMoved: () => this.onDeadline(),
      },
      access,
    );
  }

  get names(): string[] {
    return this.registry.names();
  }

  get stats(): RelayStats {
    return toStats(this.ledger.counters, this.registry.reservedCount);
  }

  /** @throws RangeError when `maxEntries` is no number of entries */
  inspect(maxEntries?: number): RelayInspection {
    const { ledger, registry, state, stats } = this;
    return inspect({ ledger, registry, state, stats, limits: this.options.limits }, maxEntries);
  }

  measure(): Measured {
    const { stats, heldBytes, isDraining } = this;
    return { stats, queuedBytes: this.ledger.counters.queuedBytes, heldBytes, isDraining };
  }

  get state(): RelayState {
    if (this.isClosed) return 'closed';
    return this.isDraining ? 'draining' : 'serving';
  }

  /** Bytes that are held here for peers, as far as that is known. */
  get heldBytes(): number {
    return this.peerLimits.memory.heldBytes;
  }

  /** It has not dialed too often. */
  mayDial(address: string | undefined, now: number): boolean {
    return this.peerLimits.mayDial(address, now);
  }

  /** There is room for one more connection from there that has not said who it is. */
  mayAccept(address: string | undefined, now: number): boolean {
    return this.peerLimits.mayAccept(address, now);
  }

  /** A transport has been accepted: this is its connection. */
  accept(now: number, dialer: Dialer = {}): ConnectionCore {
    const { options, broker, peerLimits } = this;
    const meter = peerLimits.budgetFor(dialer, now);
    const connection: ConnectionCore = new PeerConnection(
      { role: 'acceptor', limits: this.announced, handshakeTimeoutMs: options.handshakeTimeoutMs, meter, now },
      this.ownerOf(() => connection),
      (code) => {
        this.ledger.streamRefused(connection, code);
        peerLimits.refused(connection, code, this.environment.now());
      },
    );
    this.connections.add(connection);
    this.ledger.tunnelAccepted(connection);
    broker.join(connection);
    peerLimits.accepted(connection, dialer, meter, now);
    return connection;
  }

  nextDeadline(): number {
    return Math.min(this.broker.nextDeadline(), this.tokenExpiries.nextDeadline(), this.peerLimits.nextDeadline());
  }

  advance(now: number): void {
    this.broker.advance(now);
    this.tokenExpiries.advance(now);
    this.peerLimits.advance(() => this.ledger.counters.splices.keys());
  }

  /** An endpoint has said, by another way than its connection, that it left for good. */
  endpointLeft(secret: string): void {
    this.broker.endpointLeft(secret);
  }

  /** Takes nothing new from now on, and asks every endpoint to move elsewhere within `graceMs`. */
  drain(graceMs: number): void {
    this.isDraining = true;
    this.ledger.draining(graceMs);
    this.broker.drain();
    for (const connection of [...this.connections]) {
      if (!connection.isOpen) continue;
      const retryAfterMs = Math.floor(this.random() * (graceMs / MOVE_SHARE));
      connection.notice(new TrunklineError('GOING_AWAY', 'the relay is closing', { retryAfterMs }), graceMs);
    }
  }

  /** Ends every connection, for this reason, and every name. */
  close(error: TrunklineError): void {
    this.isClosed = true;
    this.ledger.closing();
    for (const connection of [...this.connections]) connection.fail(error);
    this.broker.close();
  }

  /** From 0 to 1, of the randomness that ids are made of. */
  private random(): number {
    return Number.parseInt(this.environment.randomId().slice(0, 8), 16) / 0x1_0000_0000;
  }

  private ownerOf(connection: () => ConnectionCore): ConnectionOwner {
    return {
      helloReceived: (hello, now) => this.authenticate(connection(), hello, now),
      welcomeReceived: () => {
        throw new TrunklineError('PROTOCOL', 'WELCOME from a dialer');
      },
      openReceived: (id, open, now) => {
        this.broker.openReceived(connection(), id, open, now);
        this.onDeadline();
      },
      noticeReceived: () => {
        throw new TrunklineError('PROTOCOL', 'a notice from a dialer');
      },
      connectionEnded: (error) => {
        // What a peer calls INTERNAL in its GOAWAY is its own defect; only ours leaves us a GOAWAY to send.
        if (error.code === 'INTERNAL' && connection().hasOutput && !this.turnedAway.has(connection()))
          this.events.defectFound(error);
        this.connections.delete(connection());
        this.tokenExpiries.forget(connection());
        this.peerLimits.ended(connection(), this.environment.now());
        this.broker.leave(connection());
        this.ledger.tunnelEnded(connection(), error);
      },
    };
  }

  private authenticate(connection: ConnectionCore, hello: Hello, now: number): void {
    const refusal = this.peerLimits.refusalOf(connection, this.random());
    if (refusal) return connection.fail(refusal);
    let isAtOnce = true;
    this.access.authenticate(connection, hello.token, (outcome) => {
      if (connection.hasEnded) return;
      if (this.isDraining) connection.fail(new TrunklineError('GOING_AWAY', 'the relay is closing'));
      else if (outcome instanceof TrunklineError) this.turnAway(connection, outcome);
      else this.welcome(connection, hello, outcome, isAtOnce ? now : this.environment.now());
    });
    isAtOnce = false;
  }

  /** One at a time: who sends the next before the last was decided on is in no hurry to be believed. */
  private renew(connection: ConnectionCore, token: string): void {
    if (this.renewing.has(connection)) return connection.fail(new TrunklineError('LIMIT_RATE', 'one token at a time'));
    this.renewing.add(connection);
    this.access.authenticate(connection, token, (outcome) => {
      this.renewing.delete(connection);
      if (connection.hasEnded) return;
      if (outcome instanceof TrunklineError) this.turnAway(connection, outcome);
      else this.identified(connection, outcome, this.environment.now());
      this.onDeadline();
    });
  }

  /** Where a hook failed, that has been told already, with its cause. */
  private turnAway(connection: ConnectionCore, error: TrunklineError): void {
    this.turnedAway.add(connection);
    connection.fail(error);
  }

  private identified(connection: ConnectionCore, { claims, expiresInMs }: Identification, now: number): void {
    this.broker.claimed(connection, claims);
    this.tokenExpiries.known(connection, expiresInMs, now);
  }

  private welcome(connection: ConnectionCore, { endpoint }: Hello, identification: Identification, now: number): void {
    this.identified(connection, identification, now);
    connection.onToken = (token) => this.renew(connection, token);
    const { heartbeat, resumeWindowMs } = this.options;
    if (endpoint !== undefined) this.broker.identify(connection, endpoint);
    this.peerLimits.welcomed(connection, this.broker.endpointOf(connection), now);
    this.ledger.tunnelOpened(connection);
    connection.welcome({ heartbeat, relayId: this.relayId, resumeWindowMs }, now);
    this.broker.arrived(connection, now);
    this.events.tunnelOpened(connection);
    this.onDeadline();
  }
}

/** Only what a peer has to know travels; the rest is the relay's own. */
function announced({ limits }: ResolvedRelayOptions): Limits {
  const { maxFrameBytes, maxMessageBytes, maxStreams, earlyWindowBytes, maxMetaBytes, maxPendingConnects, maxNames } =
    limits;
  return { maxFrameBytes, maxMessageBytes, maxStreams, earlyWindowBytes, maxMetaBytes, maxPendingConnects, maxNames };
}
