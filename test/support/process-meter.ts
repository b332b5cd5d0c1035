import { createHistogram, type Histogram, type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds. */
export interface Distribution {
  count: number;
  p50: number;
  p99: number;
  max: number;
}

export interface ProcessSample {
  rssBytes: number;
  /** After a collection, as the two below. */
  heapUsedBytes: number;
  /** Outside the heap, buffers included. */
  externalBytes: number;
  /** Of one core, since the last sample: a loop that is late without it waits for other processes. */
  cpuPercent: number;
  /** How much later than due the event loop came around. */
  delay: { sinceLast: Distribution; overall: Distribution };
}

/** Both the period of the probe and what must be taken off each of its values. */
const RESOLUTION_MS = 10;
const NANOSECONDS = 1e6;

/** What this process has, and how long its event loop was kept busy; without the collections that it asks for itself. */
export class ProcessMeter {
  private readonly overall = createHistogram();
  private current = startDelays();
  private cpuSince = { at: performance.now(), usage: process.cpuUsage() };

  async sample(): Promise<ProcessSample> {
    const last = this.current;
    last.disable();
    const cpuPercent = this.takeCpuPercent();
    addAll(last, this.overall);
    await collect();
    const { rss, heapUsed, external } = process.memoryUsage();
    // A new one: the old one would take the time since it was disabled for a delay.
    this.current = startDelays();
    this.cpuSince = { at: performance.now(), usage: process.cpuUsage() };
    const delay = { sinceLast: delaysOf(last), overall: delaysOf(this.overall) };
    return { rssBytes: rss, heapUsedBytes: heapUsed, externalBytes: external, cpuPercent, delay };
  }

  close(): void {
    this.current.disable();
  }

  private takeCpuPercent(): number {
    const { user, system } = process.cpuUsage(this.cpuSince.usage);
    return Math.round((user + system) / 10 / (performance.now() - this.cpuSince.at));
  }
}

function startDelays(): IntervalHistogram {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  return delays;
}

/** `RecordableHistogram.add` does not take what `monitorEventLoopDelay` returns: one by one, smallest first. */
export function addAll(from: Histogram, to: ReturnType<typeof createHistogram>): void {
  for (let rank = 1; rank <= from.count; rank++) to.record(Math.max(1, from.percentile((rank / from.count) * 100)));
}

function delaysOf(histogram: Histogram): Distribution {
  return distributionOf(histogram, RESOLUTION_MS);
}

/** @param offsetMs what is part of every value and not meant */
export function distributionOf(histogram: Histogram, offsetMs = 0): Distribution {
  const { count } = histogram;
  const toMilliseconds = (value: number): number =>
    count === 0 ? 0 : Math.max(0, Number((value / NANOSECONDS - offsetMs).toFixed(2)));
  return {
    count,
    p50: toMilliseconds(histogram.percentile(50)),
    p99: toMilliseconds(histogram.percentile(99)),
    max: toMilliseconds(histogram.max),
  };
}

/** What a collection frees may hold on to more. */
async function collect(): Promise<void> {
  if (globalThis.gc === undefined) throw new Error('a process that is measured must be started with --expose-gc');
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
