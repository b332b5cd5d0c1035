import { TrunklineError, toTrunklineError } from '../protocol/errors.js';
import type { Hello, Open, Target, Welcome } from '../protocol/frames.js';
import { DEFAULT_LIMITS, type Limits } from '../protocol/limits.js';
import type { Json } from '../protocol/meta.js';
import { ConnectionCore, type ConnectionOwner } from './connection.js';
import type { WindowOptions } from './receive-half.js';
import { StreamCore, type StreamEvent } from './stream.js';

export type TunnelEvent =
  | { type: 'open'; welcome: Welcome }
  /** The peer opened a plain stream: `accept` or `reset` it. */
  | { type: 'incoming'; stream: StreamCore; meta: Json }
  | { type: 'stream'; stream: StreamCore; event: StreamEvent }
  /** The tunnel is over; every stream has been told. */
  | { type: 'closed'; error: TrunklineError };

export interface TunnelCoreOptions {
  limits: Limits;
  window: WindowOptions;
  /** 128 random bits as 32 hexadecimal digits: the core has no randomness of its own. */
  randomId: () => string;
  handshakeTimeoutMs?: number;
  now: number;
}

/**
 * An endpoint's tunnel, dialer side: its streams by uid, and the connection that carries them now. Events are queued
 * and taken by the driver after each step, so that no application code runs inside the core.
 */
export class TunnelCore implements ConnectionOwner {
  readonly connection: ConnectionCore;
  private readonly streams = new Set<StreamCore>();
  /** Connects the relay has not answered, and those that wait because it allows no more at once. */
  private readonly pendingConnects = new Set<StreamCore>();
  private readonly waitingConnects = new Set<StreamCore>();
  private events: TunnelEvent[] = [];
  private endedWith: TrunklineError | undefined;

  constructor(
    private readonly options: TunnelCoreOptions,
    token?: string,
  ) {
    this.connection = new ConnectionCore(
      {
        role: 'dialer',
        limits: options.limits,
        now: options.now,
        ...(options.handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs: options.handshakeTimeoutMs }),
      },
      this,
    );
    this.connection.hello(token);
  }

  get streamCount(): number {
    return this.streams.size;
  }

  takeEvents(): TunnelEvent[] {
    const events = this.events;
    if (events.length > 0) this.events = [];
    return events;
  }

  /** Opens a stream. What cannot be opened fails like any stream, by its event: callers have one place to look. */
  open(target: Target, meta: Json, uid = this.options.randomId()): StreamCore {
    const stream = this.createStream(uid, target, meta);
    const { maxStreams } = this.connection.peerLimits;
    if (this.endedWith !== undefined) stream.fail(this.endedWith.clone());
    else if (this.connection.localStreamCount + this.waitingConnects.size >= maxStreams)
      stream.fail(new TrunklineError('LIMIT_STREAMS', `the peer allows ${maxStreams} streams on one tunnel`));
    else if (target.kind === 'connect' && this.pendingConnects.size >= this.maxPendingConnects)
      this.waitingConnects.add(stream);
    else this.start(stream);
    return stream;
  }

  /** The application gives a stream up. */
  reset(stream: StreamCore, error: unknown): void {
    stream.reset(error);
    this.forget(stream);
  }

  close(error: TrunklineError): void {
    this.connection.fail(error);
  }

  // ── ConnectionOwner ──────────────────────────────────────────────────────────────────────────────────────────────

  helloReceived(_hello: Hello): void {
    throw new TrunklineError('PROTOCOL', 'HELLO at a dialer');
  }

  welcomeReceived(welcome: Welcome): void {
    this.events.push({ type: 'open', welcome });
    this.startWaiting();
  }

  openReceived(id: number, open: Open): void {
    if (open.target.kind !== 'plain') {
      this.connection.refuse(id, {
        code: 'FORBIDDEN',
        reason: `this side is no relay: it does not know the target ${open.target.kind}`,
      });
      return;
    }
    const stream = this.createStream(open.uid, open.target, null, this.options.limits.earlyWindowBytes);
    stream.placeOn(this.connection, id, open);
    this.events.push({ type: 'incoming', stream, meta: open.meta });
  }

  connectionEnded(error: TrunklineError): void {
    this.endedWith = error;
    for (const stream of [...this.streams]) stream.fail(error.clone());
    this.events.push({ type: 'closed', error });
  }

  /** Until the relay says otherwise, its defaults are assumed. */
  private get maxPendingConnects(): number {
    return this.connection.isOpen ? this.connection.peerLimits.maxPendingConnects : DEFAULT_LIMITS.maxPendingConnects;
  }

  private createStream(uid: string, target: Target, meta: Json, earlyWindowBytes = 0): StreamCore {
    const stream = new StreamCore(
      { uid, target, meta, window: this.options.window, observer: (source, event) => this.observe(source, event) },
      earlyWindowBytes,
    );
    this.streams.add(stream);
    return stream;
  }

  private start(stream: StreamCore): void {
    try {
      stream.openOn(this.connection);
      // Not before: one that fails to start must not start the next from within.
      if (stream.target.kind === 'connect') this.pendingConnects.add(stream);
    } catch (error) {
      stream.fail(toTrunklineError(error, 'INTERNAL'));
    }
  }

  private startWaiting(): void {
    if (this.connection.hasEnded) return;
    for (const stream of this.waitingConnects) {
      if (this.pendingConnects.size >= this.maxPendingConnects) return;
      this.waitingConnects.delete(stream);
      this.start(stream);
    }
  }

  private observe(stream: StreamCore, event: StreamEvent): void {
    if (event.type === 'refuse') throw new TrunklineError('PROTOCOL', 'REFUSE at an endpoint');
    this.events.push({ type: 'stream', stream, event });
    if (event.type === 'opened') this.answered(stream);
    if (event.type === 'failed' || event.type === 'closed') this.forget(stream);
  }

  private answered(stream: StreamCore): void {
    if (this.pendingConnects.delete(stream)) this.startWaiting();
  }

  private forget(stream: StreamCore): void {
    this.streams.delete(stream);
    this.waitingConnects.delete(stream);
    this.answered(stream);
  }
}
