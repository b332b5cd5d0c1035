import { backoffMs } from '../core/backoff.js';
import type { Connection } from '../transport/connection.js';
import type { Clock } from './clock.js';

/** One address: how to dial it, and how to say goodbye to it without a connection, where that can be. */
export type Dial = (() => Connection) & { farewell?: (endpoint: string) => void };

/** How long streams wait at one relay for other ends that may be at another one. With jitter: half of it to one and a half. */
const STRANDED_MS = 4_000;

/** The longest that a peer can make this side wait: after that it is asked again. */
const MAX_RETRY_AFTER_MS = 60_000;
/** Of the time that is left for it, what one pause may use. */
const LEFT_SHARE = 0.25;
/** In the end, so often. */
const LEAST_LEFT_MS = 500;
/** A connection that lasted shorter than this was no success: whoever drops it at once is not dialed again at once. */
const STEADY_MS = 1_000;

/**
 * Which address is dialed next, and when. All addresses are tried before anything is waited for; after that each round
 * waits longer than the one before.
 */
export class Redial {
  private index = 0;
  private failures = 0;
  private openedAt = Number.NEGATIVE_INFINITY;
  private cancelTimer: (() => void) | undefined;
  private cancelHop: (() => void) | undefined;

  constructor(
    private readonly dials: readonly Dial[],
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly dial: (dial: Dial) => void,
  ) {}

  /** There is more than one address. */
  get hasChoice(): boolean {
    return this.dials.length > 1;
  }

  get isWaiting(): boolean {
    return this.cancelTimer !== undefined;
  }

  /** The address that is dialed, or was good last. */
  get current(): Dial {
    return this.dials[this.index] as Dial;
  }

  /** Dials the address that was good last. */
  now(): void {
    this.cancel();
    this.dial(this.current);
  }

  /** Dials the address that was good last, not before `delayMs`. */
  after(delayMs: number): void {
    this.cancel();
    this.cancelTimer = this.clock.setTimer(delayMs, () => this.now());
  }

  /**
   * A dial came to nothing: the next address, once it is time.
   * @param leftMs until the tunnel is given up; a longer and longer pause must not use that up while the peer is back
   */
  afterFailure(retryAfterMs = 0, leftMs = Number.POSITIVE_INFINITY): void {
    this.next();
    this.failures++;
    // Another address has said nothing of the kind yet.
    const isNew = this.failures % this.dials.length !== 0;
    this.after(this.delayMs(isNew ? 0 : retryAfterMs, leftMs));
  }

  private delayMs(retryAfterMs: number, leftMs = Number.POSITIVE_INFINITY): number {
    const longestMs = Math.max(leftMs * LEFT_SHARE, LEAST_LEFT_MS);
    const ownMs = Math.min(backoffMs(this.round, this.random), longestMs);
    return Math.max(ownMs, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
  }

  /** How often all addresses have failed. */
  private get round(): number {
    return Math.floor(this.failures / this.dials.length);
  }

  /** The peer is about to leave, and asks not to be followed by all at once. */
  afterNotice(retryAfterMs: number): void {
    this.after(Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
  }

  /** The next address from now on. */
  next(): void {
    this.index = (this.index + 1) % this.dials.length;
  }

  /** There is a connection: whatever was to be dialed for the one before would only take its place. */
  succeeded(): void {
    this.cancelDial();
    this.openedAt = this.clock.now();
  }

  /** A connection that there was is lost: the same address, at once if it had served well. */
  afterLoss(retryAfterMs = 0): void {
    const wasSteady = this.clock.now() - this.openedAt >= STEADY_MS;
    this.failures = wasSteady ? 0 : this.failures + 1;
    this.after(this.delayMs(retryAfterMs));
  }

  /** Something has changed for the better: whoever waits dials now. */
  wake(): void {
    if (this.isWaiting) this.now();
  }

  /**
   * Whether all that this endpoint has waits for others that are not at this relay. Two ends that lost one relay may have
   * come back at two different ones: whoever waits in vain goes on to the next address.
   */
  setStranded(isStranded: boolean): void {
    if (!isStranded) return this.cancelHopping();
    if (this.cancelHop !== undefined || this.isWaiting) return;
    this.cancelHop = this.clock.setTimer(STRANDED_MS * (0.5 + this.random()), () => {
      this.cancelHop = undefined;
      this.next();
      this.now();
    });
  }

  cancel(): void {
    this.cancelDial();
    this.cancelHopping();
  }

  private cancelDial(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
  }

  private cancelHopping(): void {
    this.cancelHop?.();
    this.cancelHop = undefined;
  }
}
