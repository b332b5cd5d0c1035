import type { ConnectionCore } from '../core/connection.js';
import type { StreamCore, StreamEvent } from '../core/stream.js';
import type { OpenOptions, TunnelCore, TunnelEvent } from '../core/tunnel.js';
import { TrunklineError } from '../protocol/errors.js';
import type { Target, TunnelMode } from '../protocol/frames.js';
import { type Json, normalizeMeta } from '../protocol/meta.js';
import { isNamePattern } from '../protocol/names.js';
import type { Connection } from '../transport/connection.js';
import type { Clock } from './clock.js';
import { type CreateStreamOptions, resolveCreateStreamOptions } from './create-stream-options.js';
import { Driver } from './driver.js';
import { EventPump } from './event-pump.js';
import { Outcome, reportFailure, runListener } from './failures.js';
import { type PresenceEvent, watchNames } from './name-watch.js';
import { EventEmitter } from './node-stream.js';
import { onLeave } from './page-lifecycle.js';
import { TunnelDrivers } from './tunnel-drivers.js';
import type { TunnelEvents } from './tunnel-events.js';
import { assertWhole, type ResolvedTunnelOptions } from './tunnel-options.js';
import { type StreamOwner, TunnelStream } from './tunnel-stream.js';

export type { CreateStreamOptions };

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
 * 'stream'(TunnelStream) when the peer opens one; 'connection.close'({ code, reason }) when a WebSocket of it has closed;
 * 'error'(TrunklineError) when the tunnel fails, only if somebody listens; 'close'(TrunklineError), always, with the reason
 * (TUNNEL_CLOSED after `close()`, RESUME_EXPIRED when no connection came about within the resume window).
 */
export abstract class Tunnel extends EventEmitter implements StreamOwner {
  /** @internal */
  readonly clock: Clock;
  /** `stream`: it is for one stream, and over with it. */
  readonly mode: TunnelMode;
  protected readonly core: TunnelCore;
  protected readonly options: ResolvedTunnelOptions;
  private readonly drivers: TunnelDrivers;
  private readonly pump: EventPump;
  private readonly openedOutcome = new Outcome<void>();
  private readonly closedOutcome = new Outcome<TrunklineError>();
  private readonly handlers = new Map<StreamCore, StreamHandler>();
  private stopLeaving = () => {};
  private streamsTold = false;

  /** @internal */
  protected constructor(core: TunnelCore, options: ResolvedTunnelOptions & { mode: TunnelMode }, clock: Clock) {
    super();
    this.clock = clock;
    this.core = core;
    this.options = options;
    this.mode = options.mode;
    this.drivers = new TunnelDrivers(core, (end) => runListener(() => this.emit('connection.close', end)));
    this.pump = new EventPump(core, clock, { handle: (event) => this.handle(event), done: () => this.afterEvents() });
  }

  /** @internal Nothing of it is left behind before this has been called. */
  protected begin(): void {
    this.stopLeaving = onLeave(() => this.leave());
  }

  /**
   * What the tunnel is known by at both ends, the same on each of its connections: 32 hexadecimal digits. Undefined before
   * 'open', and on a tunnel to a relay. Not a secret: who knows it cannot take the tunnel over.
   */
  abstract get id(): string | undefined;

  /** The one of `protocols` that the acceptor has picked. */
  abstract get protocol(): string | undefined;

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
   * Opens a stream to the peer itself. A relay is no endpoint and answers FORBIDDEN: use `StreamClient` there. Past the
   * peer's limit of streams it fails with LIMIT_STREAMS.
   * @param onAccepted called once the peer has taken the stream
   * @throws TrunklineError LIMIT_BYTES when meta is too large; TypeError when it is no JSON value, or for an unknown option
   */
  createStream(options: CreateStreamOptions = {}, onAccepted?: (stream: TunnelStream) => void): TunnelStream {
    const { meta, resume } = resolveCreateStreamOptions(options);
    const stream = this.openStream({ kind: 'plain' }, meta, undefined, { isMortal: !resume });
    if (onAccepted) stream.once('open', () => onAccepted(stream));
    return stream;
  }

  /**
   * Follows which names there are at a relay: first a snapshot of those that match, then each that comes and goes. It goes on
   * over lost connections, and ends with the tunnel, by its error.
   *
   *   for await (const event of tunnel.watch('room:*')) ...
   *
   * @param pattern a name in which `*` stands for any run of characters
   * @throws TrunklineError BAD_NAME for a pattern that is none; (from the iteration) FORBIDDEN where the relay tells nobody,
   *   or not this tunnel; LIMIT_STREAMS past the watches that the relay takes (by
   *   default 16 of one tunnel), also later, when others have fewer
   */
  watch(pattern: string, { signal }: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<PresenceEvent> {
    if (!isNamePattern(pattern)) throw new TrunklineError('BAD_NAME', `${String(pattern)} is no pattern of names`);
    const open = () => this.openStream({ kind: 'watch', pattern }, null, undefined);
    return watchNames({ clock: this.clock, open }, signal);
  }

  /**
   * How long the peer takes to answer, milliseconds.
   * @throws (rejects) TrunklineError CONNECTION_LOST without a connection, or when it is lost before the answer; LIMIT_RATE
   *   when 32 are unanswered
   */
  async ping(): Promise<number> {
    return this.drivers.current.ping();
  }

  /** The last round trip that was measured, milliseconds: by `ping()`, or by the heartbeat at the side that was dialed. */
  get rttMs(): number | undefined {
    return this.drivers.rttMs;
  }

  /** Bytes of all messages that were handed to its connections, with their headers; without what a WebSocket adds. */
  get bytesSent(): number {
    return this.drivers.bytesSent;
  }

  /** The same for what has arrived. */
  get bytesReceived(): number {
    return this.drivers.bytesReceived;
  }

  get isPaused(): boolean {
    return this.drivers.isPaused;
  }

  /**
   * Stops reading what arrives, of all streams at once (one alone stops by itself when nobody reads it). The peer's pings
   * are not answered meanwhile: past its heartbeat's deadline it takes the connection for lost.
   * @throws TypeError in a page, whose WebSocket cannot; TrunklineError CONNECTION_LOST without a connection
   */
  pause(): void {
    this.drivers.setPaused(true);
  }

  /** Reads on. */
  resume(): void {
    if (this.isPaused) this.drivers.setPaused(false);
  }

  /**
   * Cuts the connection off, without a word to the peer. The tunnel takes that for a lost connection: it goes on over the
   * next one, or is over if it has no resume window.
   */
  terminate(): void {
    this.drivers.terminate();
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
    this.pump.armTimer();
  }

  // ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** @internal Pumps the core of one of its connections over its transport. */
  protected drive(connection: ConnectionCore, transport: Connection): void {
    const driver = new Driver(connection, transport, this.clock, () => this.handleEvents());
    this.adopt(connection, driver);
    driver.wake();
  }

  /** @internal */
  protected adopt(connection: ConnectionCore, driver: Driver): void {
    this.drivers.add(connection, driver);
  }

  /** The page or process ends now: what is to be said must be on its way when this returns. */
  private leave(): void {
    this.beforeLeaving();
    this.core.close(new TrunklineError('TUNNEL_CLOSED', 'the other side has left'));
    this.drivers.flush();
  }

  /** @internal */
  protected beforeLeaving(): void {}

  // ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @internal */
  handleEvents(): void {
    this.pump.run();
  }

  /** @internal What is to be done when everything has been told. */
  protected afterEvents(): void {}

  /** @internal What becomes of its connections, before the application is told. */
  protected abstract connectionEvent(event: TunnelEvent): void;

  private handle(event: TunnelEvent): void {
    this.connectionEvent(event);
    switch (event.type) {
      case 'open':
        this.openedOutcome.resolve();
        this.emit('open');
        return;
      case 'suspended':
        this.emit('suspend', event.error);
        return;
      case 'resumed':
        this.drivers.stayPaused();
        this.emit('resume');
        return;
      case 'incoming':
        return this.handleIncoming(event.stream, event.meta);
      case 'stream':
        return this.handleStream(event.stream, event.event);
      case 'closed':
        return this.handleClosed(event.error);
      default:
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
  protected get isWatched(): boolean {
    return (
      this.streamsTold || this.listenerCount('close') > 0 || this.openedOutcome.wasAsked || this.closedOutcome.wasAsked
    );
  }

  private handleClosed(error: TrunklineError): void {
    this.stopLeaving();
    this.openedOutcome.reject(error);
    this.closedOutcome.resolve(error);
    try {
      if (error.code !== 'TUNNEL_CLOSED') reportFailure(this, error, { wasAsked: this.isWatched }, 'tunnel');
    } finally {
      this.emit('close', error);
    }
  }

  declare on: TunnelEvents<this>;
  declare once: TunnelEvents<this>;
}
