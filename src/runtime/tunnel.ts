import type { ConnectionCore } from '../core/connection.js';
import type { StreamCore, StreamEvent } from '../core/stream.js';
import { type OpenOptions, TunnelCore, type TunnelEvent } from '../core/tunnel.js';
import { TrunklineError, toTrunklineError } from '../protocol/errors.js';
import type { Target } from '../protocol/frames.js';
import { type Json, normalizeMeta } from '../protocol/meta.js';
import type { Connection } from '../transport/connection.js';
import { type Clock, systemClock } from './clock.js';
import { Driver } from './driver.js';
import { Outcome, reportFailure } from './failures.js';
import { EventEmitter } from './node-stream.js';
import { onLeave, onWake } from './page-lifecycle.js';
import { prove } from './prove.js';
import { randomId } from './random-id.js';
import { type Dial, Redial } from './redial.js';
import { assertWhole, type ResolvedTunnelOptions, resolveTunnelOptions, type TunnelOptions } from './tunnel-options.js';
import { type StreamOwner, TunnelStream } from './tunnel-stream.js';

export type { TunnelOptions };

/** A stream that somebody else than a Duplex shows (a listener's own stream). @internal */
export type StreamHandler = (event: StreamEvent) => void;

/**
 * `connecting` until it has been open once, then `open` or `suspended` (its connection is lost; it dials again), and
 * `closed` in the end.
 */
export type TunnelState = TunnelCore['stateName'];

/**
 * One lasting relation to a relay or another peer; carries every stream of this process to it, and outlives the
 * connections that it does so with.
 *
 * Events: 'open'; 'suspend'(TrunklineError) when its connection is lost and 'resume' when it has another;
 * 'stream'(TunnelStream) when the peer opens one; 'error'(TrunklineError) when the tunnel fails, only if somebody listens;
 * 'close'(TrunklineError), always, with the reason (TUNNEL_CLOSED after `close()`, RESUME_EXPIRED when no connection came
 * about within the resume window).
 */
export class Tunnel extends EventEmitter implements StreamOwner {
  /** @internal */
  readonly clock: Clock;
  private readonly core: TunnelCore;
  private readonly options: ResolvedTunnelOptions;
  private readonly redial: Redial;
  private readonly drivers = new Set<Driver>();
  private readonly openedOutcome = new Outcome<void>();
  private readonly closedOutcome = new Outcome<TrunklineError>();
  private readonly handlers = new Map<StreamCore, StreamHandler>();
  private unsubscribes: (() => void)[] = [];
  private timer: { at: number; cancel: () => void } | undefined;
  private isHandlingEvents = false;
  private streamsTold = false;

  /** @internal Use `connectTunnel`. Nothing is dialed for options that make no sense: no socket is left behind. */
  constructor(dials: readonly Dial[], options: TunnelOptions = {}, clock: Clock = systemClock) {
    super();
    this.clock = clock;
    this.options = resolveTunnelOptions(options);
    const { limits, window, resumeWindowMs, handshakeTimeoutMs, token } = this.options;
    this.core = new TunnelCore({
      limits,
      window,
      resumeWindowMs,
      handshakeTimeoutMs,
      token,
      randomId,
      random: Math.random,
      now: () => clock.now(),
      prove,
      firstDials: dials.length,
    });
    this.redial = new Redial(dials, clock, Math.random, (dial) => this.dial(dial));
    this.redial.now();
    this.unsubscribes = [onWake(() => this.redial.wake()), onLeave(() => this.leave())];
  }

  /** 'connecting', 'open', 'suspended' (its connection is lost, and it dials again) or 'closed'. */
  get state(): TunnelState {
    return this.core.stateName;
  }

  /** @internal A lost connection is not its end. */
  get outlivesConnections(): boolean {
    return this.options.resumeWindowMs > 0;
  }

  /** Resolves when the handshake is complete; rejects with the TrunklineError that ended the tunnel before. */
  get opened(): Promise<void> {
    return this.openedOutcome.promise;
  }

  /** Resolves, never rejects, with the reason when the tunnel is over. */
  get closed(): Promise<TrunklineError> {
    return this.closedOutcome.promise;
  }

  /**
   * Opens a stream to the peer itself; it ends with its connection. A relay is no endpoint and answers FORBIDDEN: use
   * `StreamClient` there.
   * @throws TrunklineError LIMIT_BYTES when meta is too large, TypeError when it is no JSON value
   */
  createStream(options: { meta?: unknown } = {}): TunnelStream {
    return this.openStream({ kind: 'plain' }, options.meta, undefined);
  }

  /**
   * Ends the tunnel. Every stream on it fails here with TUNNEL_CLOSED and this reason. The other sides are told, if there is
   * a connection: those that this side had connected to see TUNNEL_CLOSED, its clients LISTENER_GONE. Without a connection
   * they find out when their resume window is over.
   */
  close(reason = 'the tunnel was closed'): void {
    this.end(new TrunklineError('TUNNEL_CLOSED', reason));
  }

  /** @internal */
  end(error: TrunklineError): void {
    this.core.close(error);
    this.clock.defer(() => this.handleEvents());
  }

  /** @internal */
  openStream(target: Target, meta: unknown, name: string | undefined, options: OpenOptions = {}): TunnelStream {
    if (target.kind === 'connect') assertWhole('waitMs', target.waitMs);
    const core = this.openCore(target, meta, options);
    return this.face(core, { name });
  }

  /** @internal */
  openCore(target: Target, meta: unknown, options: OpenOptions = {}): StreamCore {
    const core = this.core.open(target, normalizeMeta(meta, this.core.peerLimits.maxMetaBytes), options);
    // A stream that failed at once says so after its caller has had the chance to listen.
    if (core.isClosed) this.clock.defer(() => this.handleEvents());
    return core;
  }

  /** @internal Who is told of what happens to the stream. */
  observe(core: StreamCore, handler: StreamHandler): void {
    this.handlers.set(core, handler);
  }

  /** @internal */
  face(core: StreamCore, options: { name?: string | undefined; meta?: Json }): TunnelStream {
    const stream = new TunnelStream(core, this, { ...options, highWaterMarkBytes: this.options.highWaterMarkBytes });
    this.observe(core, (event) => stream.handle(event));
    return stream;
  }

  /** @internal */
  reset(core: StreamCore, error: unknown): void {
    core.reset(error);
    this.handlers.delete(core);
    this.armTimer();
  }

  // ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────

  private dial(dial: Dial): void {
    // First: a token that does not fit leaves no socket behind.
    const connection = this.core.dial();
    let transport: Connection;
    try {
      transport = dial();
    } catch (error) {
      return this.dialThrew(connection, error);
    }
    const driver = new Driver(connection, transport, this.clock, () => this.handleEvents());
    this.drivers.add(driver);
    driver.onClosed = () => this.drivers.delete(driver);
    driver.wake();
  }

  /** What the first dial throws is the caller's to see; a later one has failed like any other. */
  private dialThrew(connection: ConnectionCore, error: unknown): void {
    if (this.unsubscribes.length === 0) throw error;
    connection.lost(toTrunklineError(error, 'CONNECTION_LOST'));
    this.clock.defer(() => this.handleEvents());
  }

  /** The page or process ends now: what is to be said must be on its way when this returns. */
  private leave(): void {
    const { endpoint } = this.core;
    if (endpoint !== undefined) this.redial.current.farewell?.(endpoint);
    this.core.close(new TrunklineError('TUNNEL_CLOSED', 'the other side has left'));
    for (const driver of [...this.drivers]) driver.flush();
  }

  private armTimer(): void {
    const at = this.core.nextDeadline();
    const isEnough = at !== Number.POSITIVE_INFINITY && this.timer !== undefined && this.timer.at <= at;
    if (isEnough) return;
    this.timer?.cancel();
    this.timer = undefined;
    if (at === Number.POSITIVE_INFINITY) return;
    const cancel = this.clock.setTimer(at - this.clock.now(), () => {
      this.timer = undefined;
      this.handleEvents();
    });
    this.timer = { at, cancel };
  }

  // ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private handleEvents(): void {
    // An application may, from inside an event, do what leads here again; the outer loop goes on with what that made.
    if (this.isHandlingEvents) return;
    this.isHandlingEvents = true;
    try {
      if (this.core.nextDeadline() <= this.clock.now()) this.core.advance();
      for (let events = this.core.takeEvents(); events.length > 0; events = this.core.takeEvents()) {
        for (const event of events) this.guard(() => this.handle(event));
      }
    } finally {
      this.isHandlingEvents = false;
    }
    if (this.redial.hasChoice) this.redial.setStranded(this.core.isStranded);
    this.armTimer();
  }

  /** What an application's listener throws is thrown where it can be seen, and keeps no other stream from its events. */
  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  private handle(event: TunnelEvent): void {
    switch (event.type) {
      case 'open':
        this.redial.succeeded();
        this.openedOutcome.resolve();
        this.emit('open');
        return;
      case 'suspended':
        this.redial.afterLoss(event.error.retryAfterMs);
        this.emit('suspend', event.error);
        return;
      case 'resumed':
        this.redial.succeeded();
        this.emit('resume');
        return;
      case 'dialFailed':
        return this.redial.afterFailure(event.error.retryAfterMs);
      case 'turnedAway':
        return this.redial.afterNotice(event.retryAfterMs);
      case 'incoming':
        return this.handleIncoming(event.stream, event.meta);
      case 'stream':
        return this.handleStream(event.stream, event.event);
      case 'closed':
        return this.handleClosed(event.error);
    }
  }

  private handleIncoming(core: StreamCore, meta: Json): void {
    if (this.listenerCount('stream') === 0) {
      core.reset(new TrunklineError('REFUSED', 'nobody takes streams on this tunnel'));
      return;
    }
    if (core.isClosed) return;
    core.accept();
    const stream = this.face(core, { meta });
    stream.handleOpened(meta);
    this.emit('stream', stream);
  }

  private handleStream(core: StreamCore, event: StreamEvent): void {
    const handler = this.handlers.get(core);
    if (event.type === 'failed' || event.type === 'closed') this.handlers.delete(core);
    if (event.type === 'failed' && handler) this.streamsTold = true;
    handler?.(event);
  }

  /** Somebody will learn of the end without the 'error' event. */
  private get isWatched(): boolean {
    return (
      this.streamsTold || this.listenerCount('close') > 0 || this.openedOutcome.wasAsked || this.closedOutcome.wasAsked
    );
  }

  private handleClosed(error: TrunklineError): void {
    this.redial.cancel();
    for (const unsubscribe of this.unsubscribes) unsubscribe();
    this.openedOutcome.reject(error);
    this.closedOutcome.resolve(error);
    try {
      if (error.code !== 'TUNNEL_CLOSED') reportFailure(this, error, { wasAsked: this.isWatched }, 'tunnel');
    } finally {
      this.emit('close', error);
    }
  }
}
