import type { TrunklineError, Tunnel, TunnelStream } from '../../src/index.js';
import type { Route } from '../support/exchange.js';

interface ConnectionTimes {
  dialedAt: number;
  welcomedAt: number;
}

/** How long streams take to go on, each end for itself, once there is a connection to go on over. */
export class ResumeTimes {
  /** From the WELCOME of the connection that made it possible: back-off, dial and discovery are not in it. */
  readonly sinceWelcome: number[] = [];
  /** From the dial of that connection: the handshake is in it, back-off and discovery are not. */
  readonly sinceDial: number[] = [];
  /** From the moment this end knew: back-off, dials that failed, and the wait for the other end are in it. */
  readonly sinceSuspend: number[] = [];
  private readonly tunnels = new Map<Tunnel, ConnectionTimes>();

  /** To be called at each dial. */
  dialed(tunnel: Tunnel): void {
    this.timesOf(tunnel).dialedAt = performance.now();
  }

  watchTunnel(tunnel: Tunnel): void {
    tunnel.on('resume', () => {
      this.timesOf(tunnel).welcomedAt = performance.now();
    });
  }

  watchStream(stream: TunnelStream, route: Route): void {
    let suspendedAt: number | undefined;
    stream.on('suspend', (_error: TrunklineError) => {
      suspendedAt = performance.now();
    });
    stream.on('resume', () => {
      if (suspendedAt === undefined) return;
      this.record(suspendedAt, route);
      suspendedAt = undefined;
    });
  }

  /** The stream may have lost its connection and have gone on over one that both tunnels had all along. */
  private record(suspendedAt: number, { client, listener }: Route): void {
    const now = performance.now();
    const [first, second] = [this.timesOf(client), this.timesOf(listener)];
    const last = first.welcomedAt > second.welcomedAt ? first : second;
    const hasNew = last.welcomedAt > suspendedAt;
    this.sinceWelcome.push(now - (hasNew ? last.welcomedAt : suspendedAt));
    this.sinceDial.push(now - (hasNew ? last.dialedAt : suspendedAt));
    this.sinceSuspend.push(now - suspendedAt);
  }

  private timesOf(tunnel: Tunnel): ConnectionTimes {
    const known = this.tunnels.get(tunnel);
    if (known) return known;
    const times = { dialedAt: 0, welcomedAt: 0 };
    this.tunnels.set(tunnel, times);
    return times;
  }
}

/** The smallest value that so many percent of all are not above. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}
