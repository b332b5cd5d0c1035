import { DEFAULT_WINDOW, type WindowOptions } from '../core/receive-half.js';
import type { StreamCore, StreamEvent } from '../core/stream.js';
import { TunnelCore, type TunnelEvent } from '../core/tunnel.js';
import { TrunklineError } from '../protocol/errors.js';
import type { Target } from '../protocol/frames.js';
import { type Limits, resolveLimits } from '../protocol/limits.js';
import { type Json, normalizeMeta } from '../protocol/meta.js';
import type { Connection } from '../transport/connection.js';
import { type Clock, systemClock } from './clock.js';
import { Driver } from './driver.js';
import { Outcome, reportFailure } from './failures.js';
import { EventEmitter } from './node-stream.js';
import { randomId } from './random-id.js';
import { type StreamOwner, TunnelStream } from './tunnel-stream.js';

export interface TunnelOptions {
  /** For the peer to know who dials; travels in HELLO, never in a URL. */
  token?: string | undefined;
  /** What this side accepts; announced to the peer. Defaults: `DEFAULT_LIMITS`. */
  limits?: Partial<Limits> | undefined;
  /** Bytes that a sender may be ahead of a reader here, at first. Default 262,144. */
  windowBytes?: number | undefined;
  /** What that may grow to while the reader keeps up and the sender stalls for credit. Default 4,194,304. */
  maxWindowBytes?: number | undefined;
  /** Deadline of dial and handshake together, milliseconds. Default 10,000. */
  handshakeTimeoutMs?: number | undefined;
  /** Node's buffer mark of every stream, bytes, each direction. Default 65,536. */
  highWaterMarkBytes?: number | undefined;
}

/** A stream that somebody else than a Duplex shows (a listener's own stream). @internal */
export type StreamHandler = (event: StreamEvent) => void;

/**
 * One lasting relation to a relay or another peer; carries every stream of this process to it.
 *
 * Events: 'open'; 'stream'(TunnelStream) when the peer opens one; 'error'(TrunklineError) when the tunnel fails, only if
 * somebody listens; 'close'(TrunklineError), always, with the reason (TUNNEL_CLOSED after `close()`).
 */
export class Tunnel extends EventEmitter implements StreamOwner {
  /** @internal */
  readonly clock: Clock;
  private readonly core: TunnelCore;
  private readonly limits: Limits;
  private readonly openedOutcome = new Outcome<void>();
  private readonly closedOutcome = new Outcome<TrunklineError>();
  private readonly handlers = new Map<StreamCore, StreamHandler>();
  private isHandlingEvents = false;
  private streamsTold = false;

  /** @internal Use `connectTunnel`. `dial` is not called for options that make no sense: no socket is left behind. */
  constructor(
    dial: () => Connection,
    private readonly options: TunnelOptions = {},
    clock: Clock = systemClock,
  ) {
    super();
    this.clock = clock;
    this.limits = resolveLimits(options.limits);
    assertWhole('handshakeTimeoutMs', options.handshakeTimeoutMs ?? 1, 1);
    assertWhole('highWaterMarkBytes', options.highWaterMarkBytes ?? 0);
    this.core = new TunnelCore(
      {
        limits: this.limits,
        window: resolveWindow(options, this.limits.earlyWindowBytes),
        randomId,
        now: clock.now(),
        ...(options.handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs: options.handshakeTimeoutMs }),
      },
      options.token,
    );
    new Driver(this.core.connection, dial(), clock, () => this.handleEvents()).wake();
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
   * Opens a stream to the peer itself. A relay is no endpoint and answers FORBIDDEN: use `StreamClient` there.
   * @throws TrunklineError LIMIT_BYTES when meta is too large, TypeError when it is no JSON value
   */
  createStream(options: { meta?: unknown } = {}): TunnelStream {
    return this.openStream({ kind: 'plain' }, options.meta, undefined);
  }

  /** Ends the tunnel. Every stream on it fails, here and at the other side, with TUNNEL_CLOSED and this reason. */
  close(reason = 'the tunnel was closed'): void {
    this.core.close(new TrunklineError('TUNNEL_CLOSED', reason));
  }

  /** @internal */
  openStream(target: Target, meta: unknown, name: string | undefined): TunnelStream {
    if (target.kind === 'connect') assertWhole('waitMs', target.waitMs);
    const core = this.openCore(target, meta);
    return this.face(core, { name });
  }

  /** @internal */
  openCore(target: Target, meta: unknown, uid?: string): StreamCore {
    const core = this.core.open(target, normalizeMeta(meta, this.core.connection.peerLimits.maxMetaBytes), uid);
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
    this.core.reset(core, error);
    this.handlers.delete(core);
  }

  private handleEvents(): void {
    // An application may, from inside an event, do what leads here again; the outer loop goes on with what that made.
    if (this.isHandlingEvents) return;
    this.isHandlingEvents = true;
    try {
      for (let events = this.core.takeEvents(); events.length > 0; events = this.core.takeEvents()) {
        for (const event of events) this.guard(() => this.handle(event));
      }
    } finally {
      this.isHandlingEvents = false;
    }
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
        this.openedOutcome.resolve();
        this.emit('open');
        return;
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
      this.core.reset(core, new TrunklineError('REFUSED', 'nobody takes streams on this tunnel'));
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
    this.openedOutcome.reject(error);
    this.closedOutcome.resolve(error);
    try {
      if (error.code !== 'TUNNEL_CLOSED') reportFailure(this, error, { wasAsked: this.isWatched }, 'tunnel');
    } finally {
      this.emit('close', error);
    }
  }
}

function assertWhole(name: string, value: number, lowest = 0): void {
  if (Number.isSafeInteger(value) && value >= lowest) return;
  throw new RangeError(`${name} must be a whole number of at least ${lowest}, not ${value}`);
}

function resolveWindow(options: TunnelOptions, earlyWindowBytes: number): WindowOptions {
  const windowBytes = options.windowBytes ?? DEFAULT_WINDOW.windowBytes;
  const maxWindowBytes = options.maxWindowBytes ?? Math.max(DEFAULT_WINDOW.maxWindowBytes, windowBytes);
  if (!Number.isSafeInteger(windowBytes) || windowBytes < earlyWindowBytes || windowBytes < 1) {
    throw new RangeError(
      `windowBytes must be a whole number of at least earlyWindowBytes (${earlyWindowBytes}), not ${windowBytes}`,
    );
  }
  if (!Number.isSafeInteger(maxWindowBytes) || maxWindowBytes < windowBytes) {
    throw new RangeError(
      `maxWindowBytes must be a whole number of at least windowBytes (${windowBytes}), not ${maxWindowBytes}`,
    );
  }
  return { windowBytes, maxWindowBytes };
}
