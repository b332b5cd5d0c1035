import type { ConnectionCore } from '../core/connection.js';
import { HANDSHAKE_TIMEOUT_MS } from '../core/handshake.js';
import { createDialedTunnel, type DialedTunnelCore, type TunnelEvent } from '../core/tunnel.js';
import { TrunklineError, toTrunklineError } from '../protocol/errors.js';
import type { TunnelMode } from '../protocol/frames.js';
import { isProtocol } from '../protocol/messages.js';
import type { Connection } from '../transport/connection.js';
import { type Clock, systemClock } from './clock.js';
import { reportFailure } from './failures.js';
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
  private readonly renewToken: (() => string | Promise<string>) | undefined;
  /** Counts dials: one that a newer has overtaken while it waited for its token is none. */
  private dialCount = 0;

  /** @internal Use `connectTunnel`. Nothing is dialed for options that make no sense: no socket is left behind. */
  constructor(dials: readonly Dial[], options: DialedTunnelOptions = {}, clock: Clock = systemClock) {
    const resolved = { ...resolveTunnelOptions(options), ...resolveDialedOptions(options) };
    const { token } = resolved;
    const core = createDialedTunnel({
      ...resolved,
      token: typeof token === 'string' ? token : undefined,
      renewsToken: typeof token === 'function',
      randomId,
      random: Math.random,
      now: () => clock.now(),
      prove,
      firstDials: dials.length,
    });
    super(core, resolved, clock);
    this.renewToken = typeof token === 'function' ? token : undefined;
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
    const count = ++this.dialCount;
    if (this.renewToken === undefined) return this.dialWith(dial);
    const isWanted = (): boolean => count === this.dialCount && this.state !== 'closed';
    void this.takeToken(this.renewToken).then(
      (token) => {
        if (isWanted()) this.dialWithNewer(dial, token);
      },
      (error: TrunklineError) => {
        if (isWanted()) this.tokenFailed(error);
      },
    );
  }

  /** @throws (rejects) TrunklineError UNAUTHENTICATED when there is none, or not in time */
  private takeToken(renew: () => string | Promise<string>): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (cause?: unknown): void => {
        const text =
          cause === undefined ? 'did not come in time' : `failed: ${(cause as Error)?.message ?? String(cause)}`;
        reject(new TrunklineError('UNAUTHENTICATED', `the token ${text}`, { cause, retryable: true }));
      };
      const cancel = this.clock.setTimer(this.options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS, () => fail());
      // A function that throws at once is no different from one that throws later.
      void Promise.resolve()
        .then(renew)
        .then((token) => (isToken(token) ? resolve(token) : fail(new TypeError('a token is a text'))), fail)
        .finally(cancel);
    });
  }

  private dialWithNewer(dial: Dial, token: string): void {
    try {
      this.dialWith(dial, token);
    } catch (error) {
      this.tokenFailed(toTrunklineError(error, 'UNAUTHENTICATED'));
    }
  }

  /** Without one nothing is dialed. The first time that is the end; later there may be one when it is tried again. */
  private tokenFailed(error: TrunklineError): void {
    if (this.state === 'connecting') return this.end(error);
    this.redial.afterFailure(0, this.core.connections.givenUpAt - this.clock.now());
  }

  private dialWith(dial: Dial, token?: string): void {
    // First: a token that does not fit leaves no socket behind.
    const connection = this.core.connections.dial(token);
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

  /** Without one the peer ends the connection in time, and the next dial asks again. */
  private async sendNewerToken(connection: ConnectionCore): Promise<void> {
    if (this.renewToken === undefined) return;
    try {
      connection.sendToken(await this.takeToken(this.renewToken));
    } catch (error) {
      reportFailure(this, toTrunklineError(error, 'UNAUTHENTICATED'), { wasAsked: false }, 'tunnel');
    }
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
      case 'tokenWanted':
        return void this.sendNewerToken(event.connection);
      case 'turnedAway':
        return this.redial.afterNotice(event.retryAfterMs);
      case 'closed':
        this.redial.cancel();
        return this.stopWaking?.();
      default:
    }
  }
}

function isToken(value: unknown): value is string {
  return typeof value === 'string';
}

function resolveDialedOptions({ mode = 'multi', protocols }: DialedTunnelOptions): {
  mode: TunnelMode;
  protocols: readonly string[] | undefined;
} {
  if (mode !== 'multi' && mode !== 'stream')
    throw new TypeError(`mode is 'multi' or 'stream', not ${JSON.stringify(mode)}`);
  if (protocols !== undefined && !(Array.isArray(protocols) && protocols.every(isProtocol)))
    throw new TypeError('protocols are texts of 1 to 128 characters');
  return { mode, protocols };
}
