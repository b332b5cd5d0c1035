import { IncomingConnection } from '../core/incoming-connection.js';
import { TrunklineError, toTrunklineError } from '../protocol/errors.js';
import type { Hello } from '../protocol/frames.js';
import { AcceptedTunnel } from '../runtime/accepted-tunnel.js';
import { type Clock, systemClock } from '../runtime/clock.js';
import { Driver } from '../runtime/driver.js';
import { reportFailure } from '../runtime/failures.js';
import { EventEmitter } from '../runtime/node-stream.js';
import { hashEndpoint } from '../runtime/prove.js';
import { randomId } from '../runtime/random-id.js';
import {
  ByteStreamConnection,
  type ByteStreamLike,
  type Connection,
  MessagePortConnection,
  type PortLike,
} from '../runtime/transports.js';
import type { Tunnel } from '../runtime/tunnel.js';
import {
  type ResolvedAcceptorOptions,
  resolveAcceptorOptions,
  type TunnelAcceptorOptions,
  type TunnelRequest,
} from './acceptor-options.js';

/** Connections that have not said whose they are; each has the handshake's deadline. Past it: LIMIT_RATE. */
const MAX_UNIDENTIFIED = 1024;

export type OnTunnel<Request = unknown> = (tunnel: Tunnel, request: Request) => void;

/** A connection whose dialer is not known yet. */
interface Newcomer {
  incoming: IncomingConnection;
  driver: Driver;
  request: unknown;
}

/**
 * The other end of tunnels that need no relay. Both sides of such a tunnel open streams (`tunnel.createStream`), and both
 * are told of the other's ('stream'). A dialer that has lost its connection gets its tunnel back, and all of its streams, by
 * a secret that only it has.
 *
 * Events: 'tunnel.open'(Tunnel, request) for each new tunnel, before anything else of it; 'tunnel.close'(Tunnel,
 * TrunklineError) with the reason; 'error'(TrunklineError INTERNAL) when `accept` or `handleProtocols` threw (without a
 * listener: the console); 'close' when it is closed and all is over.
 */
export class TunnelAcceptor extends EventEmitter {
  /** By id: those that are open, and those that wait for their dialer. */
  readonly tunnels: ReadonlyMap<string, Tunnel>;
  protected readonly options: ResolvedAcceptorOptions;
  private readonly known = new Map<string, AcceptedTunnel>();
  private readonly unidentified = new Set<Newcomer>();
  /** What `close` waits for. */
  private readonly drivers = new Set<Driver>();
  private readonly acceptorId = randomId();
  private closing: Promise<void> | undefined;
  private whenEmpty: () => void = () => {};

  /** @param onTunnel called with every new tunnel, as 'tunnel.open' is */
  constructor(
    options: TunnelAcceptorOptions = {},
    onTunnel?: OnTunnel,
    private readonly clock: Clock = systemClock,
  ) {
    super();
    this.options = resolveAcceptorOptions(options);
    this.tunnels = this.known;
    if (onTunnel) this.on('tunnel.open', onTunnel);
  }

  /**
   * Takes a tunnel over a Duplex of bytes: a socket, a child's stdio, another tunnel's stream. It belongs to the tunnel from
   * now on. The other side calls `connectDuplex`.
   */
  acceptDuplex(duplex: ByteStreamLike): void {
    this.acceptConnection(new ByteStreamConnection(duplex), undefined);
  }

  /** Takes a tunnel over a MessagePort, a Worker, or a worker's global scope. The other side calls `connectPort`. */
  acceptPort(port: PortLike): void {
    this.acceptConnection(new MessagePortConnection(port), undefined);
  }

  /** @internal */
  acceptConnection(transport: Connection, request: unknown): void {
    const { limits, handshakeTimeoutMs } = this.options.tunnel;
    const now = this.clock.now();
    const incoming: IncomingConnection = new IncomingConnection({ limits, handshakeTimeoutMs, now }, (hello) =>
      this.identified(newcomer, hello),
    );
    const driver = new Driver(incoming.core, transport, this.clock, () => {});
    const newcomer: Newcomer = { incoming, driver, request };
    this.unidentified.add(newcomer);
    this.drivers.add(driver);
    driver.onClosed = () => this.gone(newcomer);
    if (this.closing !== undefined) incoming.core.fail(new TrunklineError('GOING_AWAY', 'the server is closing'));
    else if (this.unidentified.size > MAX_UNIDENTIFIED)
      incoming.core.fail(new TrunklineError('LIMIT_RATE', `${MAX_UNIDENTIFIED} connections are in their handshake`));
  }

  /**
   * Takes nothing new, and ends every tunnel with TUNNEL_CLOSED and this reason. Resolves when all connections are over.
   */
  close(reason = 'the server was closed'): Promise<void> {
    if (this.closing !== undefined) return this.closing;
    const empty = new Promise<void>((resolve) => {
      this.whenEmpty = resolve;
    });
    this.closing = Promise.all([empty, this.stopListening()]).then(() => void this.emit('close'));
    for (const { incoming } of [...this.unidentified])
      incoming.core.fail(new TrunklineError('GOING_AWAY', 'the server is closing'));
    for (const tunnel of [...this.known.values()]) tunnel.close(reason);
    if (this.drivers.size === 0) this.whenEmpty();
    return this.closing;
  }

  /** @internal From now on nothing new comes; resolves when what is no tunnel of its own is over as well. */
  protected async stopListening(): Promise<void> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ── who is it ────────────────────────────────────────────────────────────────────────────────────────────────────

  private identified(newcomer: Newcomer, hello: Hello): void {
    const { accept } = this.options;
    const refusal = this.refusalOf(hello);
    if (refusal !== undefined) newcomer.incoming.core.fail(refusal);
    else if (accept === undefined) this.welcome(newcomer, hello);
    else void this.ask(accept, newcomer, hello);
  }

  private refusalOf(hello: Hello): TrunklineError | undefined {
    const { modes, maxTunnels } = this.options;
    const mode = hello.mode ?? 'multi';
    if (!modes.has(mode)) return new TrunklineError('FORBIDDEN', `tunnels of mode ${mode} are not taken here`);
    if (this.known.size < maxTunnels || this.find(hello) !== undefined) return undefined;
    return new TrunklineError('LIMIT_RATE', `at most ${maxTunnels} tunnels`);
  }

  private async ask(
    accept: NonNullable<ResolvedAcceptorOptions['accept']>,
    newcomer: Newcomer,
    hello: Hello,
  ): Promise<void> {
    const { core } = newcomer.incoming;
    try {
      const answer = await accept(this.describe(newcomer, hello));
      if (answer === true) return this.welcome(newcomer, hello);
      const { code: appCode, text = 'the server refuses this tunnel' } = answer || {};
      core.fail(new TrunklineError(hello.token === undefined ? 'UNAUTHENTICATED' : 'FORBIDDEN', text, { appCode }));
    } catch (cause) {
      core.fail(new TrunklineError('INTERNAL', 'the server failed to decide'));
      this.report(cause, 'accept hook');
    }
  }

  private describe({ request }: Newcomer, hello: Hello): TunnelRequest {
    const { token, mode = 'multi', protocols = [] } = hello;
    return { token, mode, protocols, isReturning: this.find(hello) !== undefined, request };
  }

  /** Whoever shows the secret is the tunnel's dialer; its id, which others may know, is made from that one way. */
  private find({ endpoint }: Hello): AcceptedTunnel | undefined {
    const tunnel = endpoint === undefined ? undefined : this.known.get(hashEndpoint(endpoint));
    // One that has ended may not have been told yet.
    return tunnel?.state === 'closed' ? undefined : tunnel;
  }

  private welcome(newcomer: Newcomer, hello: Hello): void {
    const { incoming, driver, request } = newcomer;
    // While it was decided: the connection may have ended, the server closed, others come.
    const refusal = incoming.core.hasEnded ? undefined : this.refusalOf(hello);
    if (refusal !== undefined) incoming.core.fail(refusal);
    if (incoming.core.hasEnded || this.closing !== undefined) return;
    const protocol = this.pickProtocol(hello, request);
    const tunnel = this.find(hello) ?? this.create(hello, request);
    this.unidentified.delete(newcomer);
    driver.afterStep = () => tunnel.handleEvents();
    tunnel.take(incoming, driver, { heartbeat: this.options.heartbeat, relayId: this.acceptorId, protocol });
    driver.wake();
  }

  private pickProtocol({ protocols = [] }: Hello, request: unknown): string | undefined {
    try {
      const picked = protocols.length > 0 && this.options.handleProtocols?.(new Set(protocols), request);
      return picked && protocols.includes(picked) ? picked : undefined;
    } catch (cause) {
      this.report(cause, 'handleProtocols');
      return undefined;
    }
  }

  private create(hello: Hello, request: unknown): AcceptedTunnel {
    const { endpoint, mode = 'multi' } = hello;
    const canReturn = endpoint !== undefined && this.options.tunnel.resumeWindowMs > 0;
    // Nobody has the secret of a random id.
    const id = canReturn ? hashEndpoint(endpoint) : randomId();
    const tunnel = new AcceptedTunnel(id, { ...this.options.tunnel, mode, canReturn }, this.clock);
    this.known.set(id, tunnel);
    tunnel.once('open', () => this.emit('tunnel.open', tunnel, request));
    tunnel.once('close', (error: TrunklineError) => {
      if (this.known.get(id) === tunnel) this.known.delete(id);
      this.emit('tunnel.close', tunnel, error);
    });
    return tunnel;
  }

  private gone(newcomer: Newcomer): void {
    this.unidentified.delete(newcomer);
    this.drivers.delete(newcomer.driver);
    if (this.drivers.size === 0) this.whenEmpty();
  }

  /** @internal A hook of the application's threw. */
  protected report(cause: unknown, what: string): void {
    reportFailure(this, toTrunklineError(cause, 'INTERNAL'), { wasAsked: false }, what);
  }

  declare on: TunnelAcceptorEvents<this>;
  declare once: TunnelAcceptorEvents<this>;
}

export interface TunnelAcceptorEvents<Self, Request = unknown> {
  (event: 'tunnel.open', listener: (tunnel: Tunnel, request: Request) => void): Self;
  (event: 'tunnel.close', listener: (tunnel: Tunnel, error: TrunklineError) => void): Self;
  (event: 'error', listener: (error: Error) => void): Self;
  (event: 'close', listener: () => void): Self;
  (event: string, listener: (...args: never[]) => void): Self;
}
