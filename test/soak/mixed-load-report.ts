import type { RelayStats } from '../../relay/counters.js';
import type { Distribution, ProcessSample } from '../support/process-meter.js';
import type { ProxyCounters } from '../support/tcp-proxy.js';
import type { LoadReport } from './load-child.js';
import { mergeCounts, totalOf } from './load-counts.js';
import { afterWarmUp, fitTrend, type Trend } from './trend.js';

/** The bystander does nothing: what it has and suffers is not of the load's making. */
export const PROCESSES = ['relay', 'client', 'listener', 'bystander'] as const;
export type ProcessName = (typeof PROCESSES)[number];

/** Everything that is known at one moment of a run; counts are since its start. */
export interface RunSample {
  minutes: number;
  processes: Record<ProcessName, ProcessSample>;
  load: Record<'client' | 'listener', LoadReport>;
  relayStats: RelayStats;
  cuts: Record<string, number>;
  proxy: ProxyCounters;
}

/** KiB, and KiB per minute. */
export interface MemoryTrend extends Trend {
  /** Under load. */
  lastKib: number;
  /** When all was closed. */
  atRestKib: number;
}

export interface ProcessSummary {
  rss: MemoryTrend;
  heapUsed: MemoryTrend;
  external: MemoryTrend;
  delayOverall: Distribution;
  /** Of the last window under load. */
  delayLast: Distribution;
}

export interface RunSummary {
  processes: Record<ProcessName, ProcessSummary>;
  counts: Record<string, number>;
  cuts: Record<string, number>;
  expectedErrors: Record<string, number>;
  unexpectedErrors: Record<string, number>;
  roundTrips: Distribution;
  relayStats: RelayStats;
}

const KIB = 1024;
const MIB = KIB * KIB;

/** @param underLoad not what was taken when all was over; at least one */
export function summarize(underLoad: readonly RunSample[], last: RunSample, warmUpMinutes: number): RunSummary {
  const steady = afterWarmUp(underLoad, warmUpMinutes);
  const processes = Object.fromEntries(
    PROCESSES.map((name) => [name, summarizeProcess(name, { underLoad, steady, last })]),
  );
  const { client, listener } = last.load;
  return {
    processes: processes as Record<ProcessName, ProcessSummary>,
    counts: countsOf(last),
    cuts: last.cuts,
    expectedErrors: mergeCounts(client.counts.expectedErrors, listener.counts.expectedErrors),
    unexpectedErrors: mergeCounts(client.counts.unexpectedErrors, listener.counts.unexpectedErrors),
    roundTrips: client.roundTrips,
    relayStats: last.relayStats,
  };
}

function summarizeProcess(
  name: ProcessName,
  samples: { underLoad: readonly RunSample[]; steady: readonly RunSample[]; last: RunSample },
): ProcessSummary {
  const lastUnderLoad = samples.underLoad.at(-1)!.processes[name];
  const trendOf = (field: 'rssBytes' | 'heapUsedBytes' | 'externalBytes'): MemoryTrend => ({
    ...fitTrend(samples.steady.map(({ minutes, processes }) => ({ minutes, value: processes[name][field] / KIB }))),
    lastKib: lastUnderLoad[field] / KIB,
    atRestKib: samples.last.processes[name][field] / KIB,
  });
  return {
    rss: trendOf('rssBytes'),
    heapUsed: trendOf('heapUsedBytes'),
    external: trendOf('externalBytes'),
    delayOverall: lastUnderLoad.delay.overall,
    delayLast: lastUnderLoad.delay.sinceLast,
  };
}

function countsOf({ load, cuts, relayStats, proxy }: RunSample): Record<string, number> {
  const { client, listener } = load;
  const both = (field: 'bytesChecked' | 'streamSuspends' | 'streamResumes' | 'tunnelSuspends' | 'tunnelResumes') =>
    client.counts[field] + listener.counts[field];
  return {
    'bytes checked': both('bytesChecked'),
    'streams opened': client.counts.opened,
    'streams closed': client.counts.closed,
    'streams accepted': listener.counts.opened,
    'streams accepted and closed': listener.counts.closed,
    'listeners come': listener.counts.listens,
    cuts: totalOf(cuts),
    'connections accepted': proxy.accepted,
    'tunnel suspends': both('tunnelSuspends'),
    'tunnel resumes': both('tunnelResumes'),
    'stream suspends': both('streamSuspends'),
    'stream resumes': both('streamResumes'),
    'resumes matched at the relay': relayStats.resumes.matched,
    'unexpected errors': totalOf(client.counts.unexpectedErrors) + totalOf(listener.counts.unexpectedErrors),
  };
}

/** One line, while the run goes on. */
export function lineOf(sample: RunSample): string {
  const counts = countsOf(sample);
  const each = (value: (process: ProcessSample) => string | number): string =>
    PROCESSES.map((name) => value(sample.processes[name])).join('/');
  return [
    `${sample.minutes.toFixed(1)} min`,
    `${PROCESSES.join('/')}: RSS ${each(({ rssBytes }) => (rssBytes / MIB).toFixed(0))} MiB`,
    `heap ${each(({ heapUsedBytes }) => (heapUsedBytes / MIB).toFixed(1))} MiB`,
    `CPU ${each(({ cpuPercent }) => cpuPercent)} %`,
    `delay p99 ${each(({ delay }) => delay.sinceLast.p99.toFixed(1))} ms`,
    `${(counts['bytes checked']! / MIB).toFixed(0)} MiB checked`,
    `${counts['streams opened']} opened, ${counts['streams closed']} closed`,
    `${counts.cuts} cuts, ${counts['stream resumes']} stream resumes`,
    `${counts['unexpected errors']} unexpected errors`,
  ].join('; ');
}

export function printSummary(summary: RunSummary): void {
  const { processes } = summary;
  console.log(
    'memory after a forced collection, MiB under load and at rest; slope by least squares, KiB/min, ± its standard error',
  );
  console.table(PROCESSES.map((name) => memoryRow(name, processes[name])));
  console.log('event-loop delay, milliseconds');
  console.table(PROCESSES.map((name) => delayRow(name, processes[name])));
  console.log('ping-pong round trips, milliseconds, cuts included');
  console.table([summary.roundTrips]);
  console.table(summary.counts);
  console.table({ ...summary.cuts });
  for (const title of ['expectedErrors', 'unexpectedErrors'] as const) {
    console.log(`${title === 'expectedErrors' ? 'errors that are part of the load' : 'unexpected errors'}, by code`);
    if (totalOf(summary[title]) === 0) console.log('none');
    else console.table(summary[title]);
  }
}

function memoryRow(name: ProcessName, { rss, heapUsed, external }: ProcessSummary): Record<string, string | number> {
  const slope = ({ slope, standardError }: Trend): string => `${slope.toFixed(1)} ± ${standardError.toFixed(1)}`;
  const mib = ({ lastKib, atRestKib }: MemoryTrend): string =>
    `${(lastKib / KIB).toFixed(1)}, ${(atRestKib / KIB).toFixed(1)}`;
  return {
    process: name,
    samples: rss.points,
    RSS: mib(rss),
    'RSS slope': slope(rss),
    heap: mib(heapUsed),
    'heap slope': slope(heapUsed),
    external: mib(external),
    'external slope': slope(external),
  };
}

function delayRow(name: ProcessName, { delayOverall, delayLast }: ProcessSummary): Record<string, string | number> {
  return {
    process: name,
    p50: delayOverall.p50,
    p99: delayOverall.p99,
    max: delayOverall.max,
    'last window p50': delayLast.p50,
    'last window p99': delayLast.p99,
    'last window max': delayLast.max,
  };
}
