import type { ConnectionCore } from '../core/connection.js';
import { createDialedTunnel, type DialedTunnelCore, type TunnelEvent } from '../core/tunnel.js';
import { toTrunklineError } from '../protocol/errors.js';
import type { TunnelMode } from '../protocol/frames.js';
import { isProtocol } from '../protocol/messages.js';
import type { Connection } from '../transport/connection.js';
import { type Clock, systemClock } from './clock.js';
import { onWake } from './page-lifecycle.js';
import { prove } from './prove.js';
import { randomId } from './random-id.js';
import { type Dial, Redial } from './redial.js';
import { Tunnel } from './tunnel.js';
import { resolveTunnelOptions, type TunnelOptions } from './tunnel-options.js';

export interface DialedTunnelOptions extends TunnelOptions {
  /** `stream`: the tunnel is for exactly one stream, of either side, and closes with it. Default `multi`. */
  mode?: TunnelMode | undefined;
  /** Names of what your application wants to speak over the tunnel, the best first: a `TunnelAcceptor` picks one. */
  protocols?: readonly string[] | undefined;
}

/** A tunnel at the side that dials, and dials again. */
export class DialedTunnel extends Tunnel {
  declare protected readonly core: DialedTunnelCore;
  private readonly redial: Redial;
  private stopWaking: (() => void) | undefined;

  /** @internal Use `connectTunnel`. Nothing is dialed for options that make no sense: no socket is left behind. */
  constructor(dials: readonly Dial[], options: DialedTunnelOptions = {}, clock: Clock = systemClock) {
    const resolved = { ...resolveTunnelOptions(options), ...resolveDialedOptions(options) };
    const core = createDialedTunnel({
      ...resolved,
      randomId,
      random: Math.random,
      now: () => clock.now(),
      prove,
      firstDials: dials.length,
    });
    super(core, resolved, clock);
    this.redial = new Redial(dials, clock, Math.random, (dial) => this.dial(dial));
    this.redial.now();
    this.stopWaking = onWake(() => this.redial.wake());
    this.begin();
  }

  get id(): string | undefined {
    return this.core.connections.welcome?.tunnelId;
  }

  get protocol(): string | undefined {
    return this.core.connections.welcome?.protocol;
  }

  private dial(dial: Dial): void {
    // First: a token that does not fit leaves no socket behind.
    const connection = this.core.connections.dial();
    let transport: Connection;
    try {
      transport = dial();
    } catch (error) {
      return this.dialThrew(connection, error);
    }
    this.drive(connection, transport);
  }

  /** What the first dial throws is the caller's to see; a later one has failed like any other. */
  private dialThrew(connection: ConnectionCore, error: unknown): void {
    if (this.stopWaking === undefined) throw error;
    connection.lost(toTrunklineError(error, 'CONNECTION_LOST'));
    this.clock.defer(() => this.handleEvents());
  }

  protected override beforeLeaving(): void {
    const { endpoint } = this.core.connections;
    if (endpoint !== undefined) this.redial.current.farewell?.(endpoint);
  }

  protected override afterEvents(): void {
    if (this.redial.hasChoice) this.redial.setStranded(this.core.isStranded);
  }

  protected override connectionEvent(event: TunnelEvent): void {
    switch (event.type) {
      case 'open':
      case 'resumed':
        return this.redial.succeeded();
      case 'suspended':
        return this.redial.afterLoss(event.error.retryAfterMs);
      case 'dialFailed':
        return this.redial.afterFailure(event.error.retryAfterMs, this.core.connections.givenUpAt - this.clock.now());
      case 'turnedAway':
        return this.redial.afterNotice(event.retryAfterMs);
      case 'closed':
        this.redial.cancel();
        return this.stopWaking?.();
      default:
    }
  }
}

function resolveDialedOptions({ mode = 'multi', protocols }: DialedTunnelOptions): {
  mode: TunnelMode;
  protocols: readonly string[] | undefined;
} {
  if (mode !== 'multi' && mode !== 'stream')
    throw new TypeError(`mode is 'multi' or 'stream', not ${JSON.stringify(mode)}`);
  if (protocols?.every(isProtocol) === false) throw new TypeError('protocols are texts of 1 to 128 characters');
  return { mode, protocols };
}
