import { encodePing, encodePong } from '../protocol/encode.js';
import { TrunklineError } from '../protocol/errors.js';
import type { Frame, Heartbeat } from '../protocol/frames.js';
import { KeepAlive } from './keep-alive.js';
import type { Outbox } from './outbox.js';
import { PingTimes, type RoundTrip } from './ping-times.js';

const UNTIMED_PING = new Uint8Array(8);
const MAX_UNREAD_PINGS = 2;

/**
 * The pings of one connection: answers the peer's, sends its own when they are due, measures them for who asks, and gives
 * the peer up when it says nothing or reads nothing.
 *
 *   quiet ──begin()──> beating
 */
export class Pings {
  /** Not before the handshake, in which the acceptor names the heartbeat. */
  private keepAlive: KeepAlive | undefined;
  /** Only for who asks for round trips: a relay's connections, of which there are many, keep no such thing. */
  private times: PingTimes | undefined;
  /** In a row at which nothing had been taken of what waited since the last one. */
  private unreadCount = 0;
  private takenAtLast = 0;

  constructor(private readonly outbox: Outbox) {}

  begin(heartbeat: Heartbeat, isPinger: boolean, now: number): void {
    this.keepAlive = new KeepAlive(heartbeat, isPinger, now);
  }

  /** Something came; or this side does not read, and that nothing came says nothing. */
  heard(now: number): void {
    this.keepAlive?.heard(now);
  }

  nextDeadline(): number {
    return this.keepAlive?.nextDeadline() ?? Number.POSITIVE_INFINITY;
  }

  /** Sends the ping that is due. Returns why the peer is given up, if it is. */
  advance(now: number): TrunklineError | undefined {
    const { keepAlive } = this;
    if (keepAlive === undefined) return undefined;
    if (keepAlive.isDead(now))
      return new TrunklineError('CONNECTION_LOST', 'nothing was heard from the peer past the ping deadline');
    if (!keepAlive.takePingDue(now)) return undefined;
    if (this.isUnread()) return new TrunklineError('CONNECTION_LOST', 'the peer reads nothing');
    this.outbox.scheduler.queueControl(encodePing(this.times?.next(now).payload ?? UNTIMED_PING));
    return undefined;
  }

  /** What waits has waited for two intervals: whatever the peer says meanwhile, it does not read. */
  private isUnread(): boolean {
    const { hasOutput, takenCount } = this.outbox;
    const isStuck = hasOutput && takenCount === this.takenAtLast;
    this.takenAtLast = takenCount;
    this.unreadCount = isStuck ? this.unreadCount + 1 : 0;
    return this.unreadCount >= MAX_UNREAD_PINGS;
  }

  /** A ping whose time is wanted: from now on all are timed. */
  timed(now: number): { sequence: number; frame: Uint8Array } {
    this.times ??= new PingTimes();
    const { sequence, payload } = this.times.next(now);
    return { sequence, frame: encodePing(payload) };
  }

  /** Answers a ping. Returns what a pong has measured: nothing, if it answers nothing that is waited for. */
  receive({ type, payload }: Frame & { type: 'PING' | 'PONG' }, now: number): RoundTrip | undefined {
    if (type === 'PONG') return this.times?.answered(payload, now);
    this.outbox.scheduler.queueReply(encodePong(payload));
    return undefined;
  }
}
