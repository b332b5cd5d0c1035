import type { AcceptorAnswer } from '../core/accepted-connections.js';
import type { IncomingConnection } from '../core/incoming-connection.js';
import { type AcceptedTunnelCore, createAcceptedTunnel } from '../core/tunnel.js';
import type { TunnelMode } from '../protocol/frames.js';
import type { Clock } from './clock.js';
import type { Driver } from './driver.js';
import { prove } from './prove.js';
import { randomId } from './random-id.js';
import { Tunnel } from './tunnel.js';
import type { ResolvedTunnelOptions } from './tunnel-options.js';

export interface AcceptedTunnelOptions extends ResolvedTunnelOptions {
  mode: TunnelMode;
  /** Its dialer has shown a secret that it can show again. */
  canReturn: boolean;
}

/** A tunnel at the side that was dialed. Without a connection it waits for its dialer. */
export class AcceptedTunnel extends Tunnel {
  declare protected readonly core: AcceptedTunnelCore;
  private pickedProtocol: string | undefined;

  /** @internal Made by a `TunnelAcceptor`. */
  constructor(
    readonly id: string,
    options: AcceptedTunnelOptions,
    clock: Clock,
  ) {
    const environment = { randomId, random: Math.random, now: () => clock.now(), prove };
    super(
      createAcceptedTunnel({ ...options, ...environment, token: undefined }, id, options.canReturn),
      options,
      clock,
    );
    this.begin();
  }

  get protocol(): string | undefined {
    return this.pickedProtocol;
  }

  /** @internal The dialer is here, for the first time or again. */
  take(incoming: IncomingConnection, driver: Driver, answer: AcceptorAnswer): void {
    this.pickedProtocol = answer.protocol;
    this.adopt(incoming.core, driver);
    this.core.connections.take(incoming, answer, this.clock.now());
    // Its time is known from the beginning, and kept by the heartbeat.
    if (incoming.core.isOpen) incoming.core.ping(this.clock.now());
  }

  /** Who accepted it is told of its end. */
  protected override get isWatched(): boolean {
    return true;
  }

  protected override connectionEvent(): void {}
}
