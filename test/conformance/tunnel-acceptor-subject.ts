import { createHash, createHmac } from 'node:crypto';
import { expect } from 'vitest';
import type { ConnectionCore } from '../../src/core/connection.js';
import { IncomingConnection } from '../../src/core/incoming-connection.js';
import { DEFAULT_HEARTBEAT } from '../../src/core/keep-alive.js';
import { type AcceptedTunnelCore, createAcceptedTunnel } from '../../src/core/tunnel.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Hello, Target } from '../../src/protocol/frames.js';
import { resolveLimits } from '../../src/protocol/limits.js';
import type { Json } from '../../src/protocol/meta.js';
import { EndpointSubject, type NamedEvent } from './endpoint-subject.js';
import { found, nextId } from './subject.js';
import type { Command, Configuration } from './vectors.js';

const first32 = (digits: string): string => digits.slice(0, 32);

/** A tunnel acceptor, as far as its core goes: which modes and protocols it takes is decided elsewhere (`tunnel-acceptor.test.ts`). */
export class TunnelAcceptorSubject extends EndpointSubject {
  private readonly connections = new Map<string, ConnectionCore>();
  private readonly tunnels = new Map<string, AcceptedTunnelCore>();

  constructor(private readonly configuration: Configuration) {
    super();
  }

  connect(name: string): void {
    const { limits, handshakeTimeoutMs } = this.configuration;
    const incoming: IncomingConnection = new IncomingConnection(
      { limits: resolveLimits(limits), now: this.now, handshakeTimeoutMs },
      (hello) => this.welcome(incoming, hello),
    );
    this.connections.set(name, incoming.core);
  }

  connection(name: string): ConnectionCore {
    return found(this.connections, name);
  }

  private welcome(incoming: IncomingConnection, { endpoint, mode }: Hello): void {
    const { limits, heartbeat = DEFAULT_HEARTBEAT, resumeWindowMs = 0, windowBytes = 65_536 } = this.configuration;
    const canReturn = endpoint !== undefined && resumeWindowMs > 0;
    const id = canReturn ? first32(createHash('sha256').update(endpoint).digest('hex')) : nextId();
    const options = {
      limits: resolveLimits(limits),
      window: { windowBytes, maxWindowBytes: windowBytes },
      randomId: nextId,
      random: () => 0,
      now: () => this.now,
      // Not that of `src/`: what PROTOCOL.md says of it is enough (R128).
      prove: (key: string, statement: string) => first32(createHmac('sha256', key).update(statement).digest('hex')),
      resumeWindowMs,
      mode,
    };
    const known = this.tunnels.get(id);
    const tunnel = known && known.stateName !== 'closed' ? known : createAcceptedTunnel(options, id, canReturn);
    this.tunnels.set(id, tunnel);
    tunnel.connections.take(incoming, { heartbeat, relayId: 'acceptor' }, this.now);
  }

  advance(ms: number): void {
    this.now += ms;
    for (const connection of this.connections.values()) connection.advance(this.now);
  }

  settle(): void {
    for (const tunnel of this.tunnels.values()) if (tunnel.nextDeadline() <= this.now) tunnel.advance();
    this.collectEvents();
  }

  override takeEvents(): NamedEvent[] {
    this.collectEvents();
    return super.takeEvents();
  }

  private collectEvents(): void {
    for (const tunnel of this.tunnels.values()) {
      for (const event of tunnel.takeEvents()) {
        if (event.type === 'incoming') this.addIncoming(event.stream);
        if (event.type === 'stream') this.note(event.stream, event.event);
      }
    }
  }

  /** On the tunnel that came first. */
  protected open(name: string, target: Target, meta: Json): void {
    const [tunnel] = this.tunnels.values();
    if (tunnel === undefined) throw new RangeError('nobody has dialed');
    this.streams.set(name, tunnel.open(target, meta));
  }

  protected close(error: TrunklineError): void {
    for (const tunnel of this.tunnels.values()) tunnel.close(error);
  }

  protected other({ command }: Command): void {
    throw new RangeError(`a tunnel acceptor has no command ${command}`);
  }

  protected finish(): void {
    this.close(new TrunklineError('TUNNEL_CLOSED', 'the vector is over'));
    for (const tunnel of this.tunnels.values()) expect(tunnel.streamCount).toBe(0);
    for (const connection of this.connections.values()) expect(connection.streamCount).toBe(0);
  }
}
