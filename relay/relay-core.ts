import { ConnectionCore, type ConnectionOwner } from '../src/core/connection.js';
import { TrunklineError } from '../src/protocol/errors.js';
import { Broker } from './broker.js';
import { Counters, type RelayStats, toStats } from './counters.js';
import type { ResolvedRelayOptions } from './options.js';
import { Registry, type RegistryEvents } from './registry.js';

export interface RelayCoreEvents extends RegistryEvents {
  /** A tunnel completed its handshake. */
  tunnelOpened(connection: ConnectionCore): void;
  /** A defect of this relay ended a connection, and no more than that. */
  defectFound(error: TrunklineError): void;
}

/** The relay without I/O: connections, the broker between them, and what becomes due when. */
export class RelayCore {
  private readonly connections = new Set<ConnectionCore>();
  private readonly counters = new Counters();
  private readonly registry: Registry;
  private readonly broker: Broker;
  /** Called when the next deadline may have moved closer. */
  onDeadline: () => void = () => {};

  constructor(
    readonly options: ResolvedRelayOptions,
    private readonly relayId: string,
    private readonly randomId: () => string,
    private readonly events: RelayCoreEvents,
  ) {
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
      limits: options.limits,
      registry: this.registry,
      counters: this.counters,
      randomId: this.randomId,
    });
  }

  get names(): string[] {
    return this.registry.names();
  }

  get stats(): RelayStats {
    return toStats(this.counters);
  }

  /** A transport has been accepted: this is its connection. */
  accept(now: number): ConnectionCore {
    const { options, broker } = this;
    const connection: ConnectionCore = new ConnectionCore(
      { role: 'acceptor', limits: announced(options), handshakeTimeoutMs: options.handshakeTimeoutMs, now },
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

  /** Ends every connection, for this reason. */
  close(error: TrunklineError): void {
    for (const connection of [...this.connections]) connection.fail(error);
  }

  private ownerOf(connection: () => ConnectionCore): ConnectionOwner {
    return {
      helloReceived: (_hello, now) => {
        connection().welcome(this.relayId, this.options.heartbeat, now);
        this.events.tunnelOpened(connection());
      },
      welcomeReceived: () => {
        throw new TrunklineError('PROTOCOL', 'WELCOME from a dialer');
      },
      openReceived: (id, open, now) => {
        this.broker.openReceived(connection(), id, open, now);
        this.onDeadline();
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
}

/** Only what a peer has to know travels; the rest is the relay's own. */
function announced({ limits }: ResolvedRelayOptions) {
  const { maxFrameBytes, maxMessageBytes, maxStreams, earlyWindowBytes, maxMetaBytes, maxPendingConnects, maxNames } =
    limits;
  return { maxFrameBytes, maxMessageBytes, maxStreams, earlyWindowBytes, maxMetaBytes, maxPendingConnects, maxNames };
}
