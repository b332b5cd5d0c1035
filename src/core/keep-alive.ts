import type { Heartbeat } from '../protocol/frames.js';

export const DEFAULT_HEARTBEAT: Readonly<Heartbeat> = Object.freeze({ intervalMs: 25_000, timeoutMs: 20_000 });

/**
 * When to ping and when to give a connection up (PROTOCOL.md section 7). The acceptor pings; the dialer only answers, because its
 * timers may be throttled while its message handler is not. Only messages that arrived count as life.
 */
export class KeepAlive {
  private lastHeardAt: number;
  private nextPingAt: number;

  constructor(
    private readonly heartbeat: Heartbeat,
    private readonly isPinger: boolean,
    now: number,
  ) {
    this.lastHeardAt = now;
    this.nextPingAt = now + heartbeat.intervalMs;
  }

  heard(now: number): void {
    this.lastHeardAt = now;
  }

  isDead(now: number): boolean {
    return now >= this.deadAt;
  }

  /** True once per interval, for the pinger. */
  takePingDue(now: number): boolean {
    if (!this.isPinger || now < this.nextPingAt) return false;
    this.nextPingAt = now + this.heartbeat.intervalMs;
    return true;
  }

  nextDeadline(): number {
    return this.isPinger ? Math.min(this.nextPingAt, this.deadAt) : this.deadAt;
  }

  private get deadAt(): number {
    return this.lastHeardAt + this.heartbeat.intervalMs + this.heartbeat.timeoutMs;
  }
}
