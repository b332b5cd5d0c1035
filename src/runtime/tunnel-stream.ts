import { copyOut } from '../core/copy-out.js';
import { Fifo } from '../core/fifo.js';
import type { StreamCore, StreamEvent } from '../core/stream.js';
import { TrunklineError, toTrunklineError } from '../protocol/errors.js';
import type { Json } from '../protocol/meta.js';
import type { Clock } from './clock.js';
import { Outcome, warn } from './failures.js';
import { Buffer, Duplex } from './node-stream.js';

type Callback = (error?: Error | null) => void;

export interface TunnelStreamOptions {
  /** The name it was connected by; undefined on a plain stream. */
  name?: string | undefined;
  /** The peer's meta, where it is known already (an accepted stream). */
  meta?: Json;
  /** Node's buffer mark in each direction, bytes. Default 65,536. */
  highWaterMarkBytes?: number | undefined;
}

const DEFAULT_HIGH_WATER_MARK_BYTES = 64 * 1024;

/** A write of so little is copied rather than kept by reference until it has left. */
const COPIED_WRITE_BYTES = 4 * 1024;
/** What may so be written ahead of what leaves, besides what Node's buffer takes. */
const MAX_COPIED_BYTES = 16 * 1024;

/** How a stream acts on its tunnel: the commands, with the tunnel's bookkeeping around them. */
export interface StreamOwner {
  readonly clock: Clock;
  reset(core: StreamCore, error: unknown): void;
}

/**
 * A stream as Node users know it: a `Duplex`.
 *
 * `'finish'` means *delivered*: the far endpoint holds every byte that was written. `'end'` means that every byte of the
 * other side has come. Both directions are independent (`allowHalfOpen`). A stream that breaks is destroyed with a
 * TrunklineError and emits neither. An 'error' that nobody listens to is written to the console instead of ending the
 * process: it may be of the far side's making.
 *
 * `'suspend'`(TrunklineError) tells that its connection is lost, `'resume'` that it goes on over another; nothing is lost
 * between the two. Node's own streams emit 'resume' as well, when they begin to flow: `suspended` tells which it was.
 */
export class TunnelStream extends Duplex {
  /** Identity of the stream, the same at both ends: 32 hexadecimal digits. */
  readonly uid: string;
  /** The name it was connected by; undefined on a plain stream. */
  readonly name: string | undefined;
  private peerMeta: Json;
  private readonly openedOutcome = new Outcome<void>();
  private readonly unread = new Fifo<Uint8Array>();
  private isOpened = false;
  private isSuspended = false;
  private wantsBytes = false;
  private hasEnded = false;
  private whenDrained: Callback | undefined;
  private whenDelivered: Callback | undefined;
  private cancelIdleTimer: () => void = () => {};
  private isIdleTimerSet = false;
  private idleTimeoutMs = 0;
  private lastActiveAt = 0;

  /** @internal */
  constructor(
    private readonly core: StreamCore,
    private readonly owner: StreamOwner,
    options: TunnelStreamOptions = {},
  ) {
    super({ highWaterMark: options.highWaterMarkBytes ?? DEFAULT_HIGH_WATER_MARK_BYTES, allowHalfOpen: true });
    this.uid = core.uid;
    this.name = options.name;
    this.peerMeta = options.meta ?? null;
    this.on('error', (error) => {
      const isTold = !this.isOpened && this.openedOutcome.wasAsked;
      if (this.listenerCount('error') === 1 && !isTold) warn(`stream ${this.name ?? this.uid}`, error);
    });
  }

  /** What the peer said of itself when it opened or accepted the stream. Null until `opened`, or if it said nothing. */
  get meta(): Json {
    return this.peerMeta;
  }

  /** True while it has no connection: what is written is kept, within its buffers, and sent when it has one again. */
  get suspended(): boolean {
    return this.isSuspended;
  }

  /** Resolves when the peer has accepted; rejects with the TrunklineError of a stream that never opened. */
  get opened(): Promise<void> {
    return this.openedOutcome.promise;
  }

  /** @internal What the core tells, in order. */
  handle(event: StreamEvent): void {
    switch (event.type) {
      case 'opened':
        return this.handleOpened(event.meta);
      case 'data':
        return this.handleData(event.bytes);
      case 'end':
        this.hasEnded = true;
        if (this.unread.length === 0) this.push(null);
        return;
      case 'drained':
        return this.callDrained();
      case 'delivered':
        return this.callDelivered();
      case 'suspended':
        this.isSuspended = true;
        this.emit('suspend', event.error);
        return;
      case 'resumed':
        // A stream that was suspended before anybody saw it has nothing to tell.
        if (!this.isSuspended) return;
        this.isSuspended = false;
        this.emit('resume');
        return;
      case 'failed':
        this.destroy(event.error);
        return;
      default:
    }
  }

  /** @internal */
  handleOpened(meta: Json): void {
    if (this.destroyed) return;
    this.peerMeta = meta;
    this.isOpened = true;
    this.openedOutcome.resolve();
    this.emit('open');
  }

  private handleData(bytes: Uint8Array): void {
    if (this.destroyed) return;
    this.touch();
    const own = copyOut(bytes);
    if (this.wantsBytes) this.pass(own);
    else this.unread.push(own);
  }

  private pass(bytes: Uint8Array): void {
    // First: a 'data' listener that throws must not cost credit.
    this.core.consume(bytes.length);
    this.wantsBytes = this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  private callDrained(): void {
    const callback = this.whenDrained;
    this.whenDrained = undefined;
    callback?.();
  }

  private callDelivered(): void {
    const callback = this.whenDelivered;
    this.whenDelivered = undefined;
    callback?.();
  }

  // ── what Duplex asks of its implementation ───────────────────────────────────────────────────────────────────────

  override _read(): void {
    this.wantsBytes = true;
    while (this.wantsBytes) {
      const bytes = this.unread.shift();
      if (bytes === undefined) break;
      this.pass(bytes);
    }
    if (this.hasEnded && this.unread.length === 0) this.push(null);
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: Callback): void {
    if (this.mayCopy(chunk)) this.writeCopy(chunk, callback);
    else this.writeAll([chunk], callback);
  }

  /**
   * What is written behind it in the same turn comes once this has called back, before anything leaves: all of it makes one
   * frame, instead of this alone one, and the rest another.
   */
  private writeCopy(chunk: Uint8Array, callback: Callback): void {
    this.touch();
    this.owner.clock.defer(() => callback());
    this.core.writeCopy(chunk);
  }

  private mayCopy(chunk: Uint8Array): boolean {
    return chunk.length <= COPIED_WRITE_BYTES && this.core.pendingBytes <= MAX_COPIED_BYTES;
  }

  override _writev(chunks: { chunk: Uint8Array }[], callback: Callback): void {
    this.writeAll(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  /** The callback comes when the bytes have been copied into a message: until then they are the application's. */
  private writeAll(chunks: Uint8Array[], callback: Callback): void {
    this.touch();
    for (const chunk of chunks) this.core.write(chunk);
    if (this.core.borrowedBytes === 0) callback();
    else this.whenDrained = callback;
  }

  override _final(callback: Callback): void {
    this.whenDelivered = callback;
    this.core.end();
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.cancelIdleTimer();
    this.unread.clear();
    // Every stream that ran its course ends up here, too, and has nothing to give up.
    if (error !== null || !this.core.isClosed || !this.writableFinished) this.giveUp(error);
    callback(error);
  }

  private giveUp(error: Error | null): void {
    const reason = error ?? new TrunklineError('CANCELED', 'the stream was destroyed');
    // A reader that has read everything and is destroyed without an error (`for await` does that) is done, not broken.
    if (error === null && this.writableLength === 0 && this.core.hasNothingToSay) this.core.end();
    else this.owner.reset(this.core, reason);
    this.openedOutcome.reject(toTrunklineError(reason, 'CANCELED'));
    const pending = [this.whenDrained, this.whenDelivered];
    this.whenDrained = undefined;
    this.whenDelivered = undefined;
    for (const waiting of pending) waiting?.(reason);
  }

  // ── what code written for `net.Socket` expects (http, tls) ───────────────────────────────────────────────────────

  /** Emits 'timeout' after `timeoutMs` without bytes either way; 0 turns it off. The stream is not closed by it. */
  setTimeout(timeoutMs: number, callback?: () => void): this {
    if (this.destroyed) return this;
    if (callback) this.once('timeout', callback);
    this.idleTimeoutMs = timeoutMs;
    this.cancelIdleTimer();
    this.isIdleTimerSet = false;
    this.touch();
    return this;
  }

  /** Nothing to switch: bytes leave at the end of the turn that wrote them. */
  setNoDelay(): this {
    return this;
  }

  /** Nothing to switch: the tunnel's heartbeat keeps it alive. */
  setKeepAlive(): this {
    return this;
  }

  /** Nothing to do: what keeps a process running is the tunnel. */
  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  private touch(): void {
    if (this.idleTimeoutMs === 0) return;
    this.lastActiveAt = this.owner.clock.now();
    if (!this.isIdleTimerSet) this.armIdleTimer(this.idleTimeoutMs);
  }

  private armIdleTimer(delayMs: number): void {
    this.isIdleTimerSet = true;
    this.cancelIdleTimer = this.owner.clock.setTimer(delayMs, () => {
      const left = this.lastActiveAt + this.idleTimeoutMs - this.owner.clock.now();
      if (left > 0) return this.armIdleTimer(left);
      // Armed again by the next byte, as a socket's is.
      this.isIdleTimerSet = false;
      this.emit('timeout');
    });
  }
}
