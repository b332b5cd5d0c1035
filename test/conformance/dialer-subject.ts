import { createHmac } from 'node:crypto';
import { expect } from 'vitest';
import type { ConnectionCore } from '../../src/core/connection.js';
import type { StreamCore } from '../../src/core/stream.js';
import { createDialedTunnel, type DialedTunnelCore } from '../../src/core/tunnel.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Offer, Target } from '../../src/protocol/frames.js';
import { resolveLimits } from '../../src/protocol/limits.js';
import type { Json } from '../../src/protocol/meta.js';
import { EndpointSubject, type NamedEvent } from './endpoint-subject.js';
import { found, nextId, ONLY } from './subject.js';
import type { Command, Configuration } from './vectors.js';

/** Not that of `src/`: what PROTOCOL.md says of it is enough (R128). */
const prove = (key: string, statement: string): string =>
  createHmac('sha256', key).update(statement).digest('hex').slice(0, 32);

export class DialerSubject extends EndpointSubject {
  private readonly tunnel: DialedTunnelCore;
  private readonly connections = new Map<string, ConnectionCore>();
  /** The last offer that each listen stream told of. */
  private readonly offers = new Map<StreamCore, Offer>();

  constructor({ limits, windowBytes = 65_536, handshakeTimeoutMs, resumeWindowMs = 0, mode }: Configuration) {
    super();
    this.tunnel = createDialedTunnel({
      limits: resolveLimits(limits),
      window: { windowBytes, maxWindowBytes: windowBytes },
      randomId: nextId,
      random: () => 0,
      now: () => this.now,
      prove,
      resumeWindowMs,
      mode,
      ...(handshakeTimeoutMs ? { handshakeTimeoutMs } : {}),
    });
    this.connect(ONLY);
  }

  connect(name: string): void {
    this.connections.set(name, this.tunnel.connections.dial());
  }

  connection(name: string): ConnectionCore {
    return found(this.connections, name);
  }

  advance(ms: number): void {
    this.now += ms;
    for (const connection of this.connections.values()) connection.advance(this.now);
  }

  settle(): void {
    if (this.tunnel.nextDeadline() <= this.now) this.tunnel.advance();
    this.collectEvents();
  }

  override takeEvents(): NamedEvent[] {
    this.collectEvents();
    return super.takeEvents();
  }

  private collectEvents(): void {
    for (const event of this.tunnel.takeEvents()) {
      if (event.type === 'incoming') this.addIncoming(event.stream);
      if (event.type !== 'stream') continue;
      if (event.event.type === 'offer') this.offers.set(event.stream, event.event.offer);
      this.note(event.stream, event.event);
    }
  }

  protected open(name: string, target: Target, meta: Json): void {
    this.streams.set(name, this.tunnel.open(withDefaults(target), meta));
  }

  protected close(error: TrunklineError): void {
    this.connection(ONLY).fail(error);
  }

  protected other(command: Command): void {
    if (command.command !== 'take') throw new RangeError(`a dialer has no command ${command.command}`);
    const listener = this.stream(command.listener);
    const offer = this.offers.get(listener);
    if (offer === undefined) throw new RangeError(`nothing was offered on ${command.listener}`);
    const target: Target = { kind: 'accept', offerId: offer.id };
    this.streams.set(command.stream, this.tunnel.open(target, null, { uid: offer.uid, offer: { offer, listener } }));
  }

  protected finish(): void {
    this.tunnel.close(new TrunklineError('TUNNEL_CLOSED', 'the vector is over'));
    expect(this.tunnel.streamCount).toBe(0);
    for (const connection of this.connections.values()) expect(connection.streamCount).toBe(0);
  }
}

/** What a vector leaves out, as on the wire. */
function withDefaults(target: Target): Target {
  if (target.kind === 'listen') return { ...target, claim: target.claim ?? 0 };
  return target.kind === 'connect' ? { ...target, waitMs: target.waitMs ?? 0 } : target;
}
