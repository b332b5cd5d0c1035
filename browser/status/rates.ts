import type { RelayInspection } from '../../relay/inspection.js';

/** What a snapshot says only beside an earlier one. */
export interface Rates {
  passedBytesPerSecond: number;
  connectsPerSecond: number;
  /** In the last minute, or since the page was opened. */
  refusalsByCode: Record<string, number>;
  stallsPerMinute: number;
  minuteMs: number;
  /** Passed bytes a second, the oldest first. */
  line: number[];
}

interface Sample {
  at: number;
  passed: number;
  connects: number;
  stalls: number;
  refusals: Record<string, number>;
}

const MINUTE_MS = 60_000;
const LINE_POINTS = 120;

/** Makes rates of counters. A relay that was restarted counts from 0 again, and so does this. */
export class RateMeter {
  private startedAt: string | undefined;
  private readonly samples: Sample[] = [];
  private line: number[] = [];

  take(snapshot: RelayInspection): Rates {
    if (this.isOther(snapshot)) {
      this.samples.length = 0;
      this.line = [];
    }
    this.startedAt = snapshot.startedAt;
    const { totals } = snapshot;
    const now: Sample = {
      at: Date.parse(snapshot.at),
      passed: totals.bytes.passed,
      connects: totals.connects.requested,
      stalls: totals.stalls.begun,
      refusals: { ...totals.refusals },
    };
    const last = this.samples.at(-1);
    this.samples.push(now);
    while (this.samples.length > 2 && now.at - (this.samples[1] as Sample).at >= MINUTE_MS) this.samples.shift();
    const minuteAgo = this.samples[0] as Sample;
    const perSecond = (after: number, before: number | undefined): number =>
      last === undefined || before === undefined || now.at <= last.at
        ? 0
        : ((after - before) * 1000) / (now.at - last.at);
    const passedBytesPerSecond = perSecond(now.passed, last?.passed);
    if (last !== undefined) this.line = [...this.line, passedBytesPerSecond].slice(-LINE_POINTS);
    return {
      passedBytesPerSecond,
      connectsPerSecond: perSecond(now.connects, last?.connects),
      refusalsByCode: grown(minuteAgo.refusals, now.refusals),
      stallsPerMinute: now.stalls - minuteAgo.stalls,
      minuteMs: now.at - minuteAgo.at,
      line: this.line,
    };
  }

  /** Another process, or an earlier time than before. */
  private isOther({ startedAt, totals }: RelayInspection): boolean {
    const last = this.samples.at(-1);
    const moved = Math.abs(Date.parse(startedAt) - Date.parse(this.startedAt ?? startedAt));
    return last !== undefined && (moved > MINUTE_MS || totals.bytes.passed < last.passed);
  }
}

function grown(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([code, count]) => [code, count - (before[code] ?? 0)]));
}
