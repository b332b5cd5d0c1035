import type { ConnectionCore } from '../../src/core/connection.js';
import { IncomingConnection } from '../../src/core/incoming-connection.js';
import { type AcceptedTunnelCore, createAcceptedTunnel, type TunnelCoreOptions } from '../../src/core/tunnel.js';
import type { Hello } from '../../src/protocol/frames.js';
import type { SeededRandom } from '../support/seeded-random.js';
import type { Machine } from '../support/simulated-network.js';
import type { VirtualClock } from '../support/virtual-clock.js';
import { Violation } from './model-stream.js';

export interface ModelAcceptorOptions {
  tunnel: TunnelCoreOptions;
  heartbeat: { intervalMs: number; timeoutMs: number };
  /** How long it takes to decide on a dialer, milliseconds, both ends included. */
  decisionMs: readonly [number, number];
}

/** What a tunnel is known by, made from its dialer's secret. What it is, and not how it is hidden, is tried here. */
export function tunnelIdOf(endpoint: string): string {
  return [...endpoint].map((digit) => (15 - Number.parseInt(digit, 16)).toString(16)).join('');
}

/** A process that takes tunnels without a relay, as a `TunnelAcceptor` does; restarted, it has forgotten everything. */
export class ModelAcceptor implements Machine {
  readonly tunnels = new Map<string, AcceptedTunnelCore>();
  private undecided: { at: number; decide: () => void }[] = [];

  constructor(
    private readonly options: ModelAcceptorOptions,
    private readonly random: SeededRandom,
    private readonly clock: VirtualClock,
    private readonly tunnelCreated: (core: AcceptedTunnelCore, id: string) => void,
  ) {}

  accept(): ConnectionCore {
    const { limits, firstLocalId } = this.options.tunnel;
    const incoming: IncomingConnection = new IncomingConnection(
      { limits, now: this.clock.now(), firstLocalId: firstLocalId && firstLocalId + 1 },
      (hello) => {
        const delayMs = this.random.integer(...this.options.decisionMs);
        this.undecided.push({ at: this.clock.now() + delayMs, decide: () => this.welcome(incoming, hello) });
      },
    );
    return incoming.core;
  }

  private welcome(incoming: IncomingConnection, { endpoint }: Hello): void {
    if (incoming.core.hasEnded) return;
    const { heartbeat, tunnel } = this.options;
    const canReturn = endpoint !== undefined && tunnel.resumeWindowMs > 0;
    const id = canReturn ? tunnelIdOf(endpoint) : this.random.id();
    const core = this.tunnels.get(id) ?? this.create(id, canReturn);
    core.connections.take(incoming, { heartbeat, relayId: 'peer' }, this.clock.now());
  }

  private create(id: string, canReturn: boolean): AcceptedTunnelCore {
    const core = createAcceptedTunnel(this.options.tunnel, id, canReturn);
    this.tunnels.set(id, core);
    this.tunnelCreated(core, id);
    return core;
  }

  /** The tunnel has told of its end. */
  closed(core: AcceptedTunnelCore): void {
    for (const [id, known] of this.tunnels) if (known === core) this.tunnels.delete(id);
  }

  forgetAll(): void {
    this.tunnels.clear();
    this.undecided = [];
  }

  nextDeadline(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { at } of this.undecided) earliest = Math.min(earliest, at);
    for (const core of this.tunnels.values()) earliest = Math.min(earliest, core.nextDeadline());
    return earliest;
  }

  advance(now: number): void {
    const due = this.undecided.filter(({ at }) => at <= now);
    this.undecided = this.undecided.filter(({ at }) => at > now);
    for (const { decide } of due) decide();
    for (const core of this.tunnels.values()) if (core.nextDeadline() <= now) core.advance();
  }

  checkEmpty(): void {
    if (this.tunnels.size > 0) throw new Violation(`${this.tunnels.size} tunnels are left at the acceptor`);
    if (this.nextDeadline() !== Number.POSITIVE_INFINITY) throw new Violation('an empty acceptor waits for something');
  }
}
