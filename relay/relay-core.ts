import { ConnectionCore, type ConnectionOwner } from '../src/core/connection.js';
import { TrunklineError } from '../src/protocol/errors.js';
import type { Hello } from '../src/protocol/frames.js';
import type { Limits } from '../src/protocol/limits.js';
import { Broker } from './broker.js';
import type { RelayEnvironment } from './context.js';
import { Counters, type RelayStats, toStats } from './counters.js';
import type { ResolvedRelayOptions } from './options.js';
import { Parties } from './parties.js';
import { Registry, type RegistryEvents } from './registry.js';

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
  private readonly counters = new Counters();
  private readonly registry: Registry;
  private readonly broker: Broker;
  private isDraining = false;
  private readonly announced: Limits;
  /** Called when the next deadline may have moved closer. */
  onDeadline: () => void = () => {};

  constructor(
    readonly options: ResolvedRelayOptions,
    private readonly relayId: string,
    private readonly environment: RelayEnvironment,
    private readonly events: RelayCoreEvents,
  ) {
    this.announced = announced(options);
    this.registry = new Registry({
      created: (name) => {
        this.counters.namesCreated++;
        events.created(name);
      },
      destroyed: (name) => {
        this.counters.namesDestroyed++;
        events.destroyed(name);
      },
    });
    this.broker = new Broker({
      options,
      environment,
      registry: this.registry,
      counters: this.counters,
      parties: new Parties(),
      deadlineMoved: () => this.onDeadline(),
    });
  }

  get names(): string[] {
    return this.registry.names();
  }

  get stats(): RelayStats {
    return toStats(this.counters, this.registry.reservedCount);
  }

  /** A transport has been accepted: this is its connection. */
  accept(now: number): ConnectionCore {
    const { options, broker } = this;
    const connection: ConnectionCore = new ConnectionCore(
      { role: 'acceptor', limits: this.announced, handshakeTimeoutMs: options.handshakeTimeoutMs, now },
      this.ownerOf(() => connection),
    );
    this.connections.add(connection);
    this.counters.tunnelsOpened++;
    broker.join(connection);
    return connection;
  }

  nextDeadline(): number {
    return this.broker.nextDeadline();
  }

  advance(now: number): void {
    this.broker.advance(now);
  }

  /** An endpoint has said, by another way than its connection, that it left for good. */
  endpointLeft(secret: string): void {
    this.broker.endpointLeft(secret);
  }

  /** Takes nothing new from now on, and asks every endpoint to move elsewhere within `graceMs`. */
  drain(graceMs: number): void {
    this.isDraining = true;
    this.broker.drain();
    for (const connection of [...this.connections]) {
      if (!connection.isOpen) continue;
      const retryAfterMs = Math.floor(this.random() * (graceMs / MOVE_SHARE));
      connection.notice(new TrunklineError('GOING_AWAY', 'the relay is closing', { retryAfterMs }), graceMs);
    }
  }

  /** Ends every connection, for this reason, and every name. */
  close(error: TrunklineError): void {
    for (const connection of [...this.connections]) connection.fail(error);
    this.broker.close();
  }

  /** From 0 to 1, of the randomness that ids are made of. */
  private random(): number {
    return Number.parseInt(this.environment.randomId().slice(0, 8), 16) / 0x1_0000_0000;
  }

  private ownerOf(connection: () => ConnectionCore): ConnectionOwner {
    return {
      helloReceived: (hello, now) => this.welcome(connection(), hello, now),
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
        if (error.code === 'INTERNAL' && connection().hasOutput) this.events.defectFound(error);
        this.connections.delete(connection());
        this.counters.tunnelsClosed++;
        this.broker.leave(connection());
      },
    };
  }

  private welcome(connection: ConnectionCore, { endpoint }: Hello, now: number): void {
    if (this.isDraining) return connection.fail(new TrunklineError('GOING_AWAY', 'the relay is closing'));
    const { heartbeat, resumeWindowMs } = this.options;
    if (endpoint !== undefined) this.broker.identify(connection, endpoint);
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
