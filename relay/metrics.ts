// The one import of `prom-client`; it is loaded when metrics are asked for.
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Counter, Gauge, Registry } from 'prom-client';
import type { RelayStats } from './counters.js';

/** What metrics are made of, at one moment. */
export interface Measured {
  stats: RelayStats;
  /** Payload that waits here. */
  queuedBytes: number;
  /** What counts for `memoryBytes`. */
  heldBytes: number;
  isDraining: boolean;
}

type Values = number | Record<string, number>;

interface Metric {
  type: 'counter' | 'gauge';
  help: string;
  /** What the keys of its values are called; without it, it has one value. */
  label?: string;
  read(measured: Measured, process: ProcessMeasures): Values;
}

/** Every metric, by name. docs/operating.md lists them, and a test compares. */
export const METRICS: Record<string, Metric> = {
  trunkline_tunnels: gauge('Tunnels that are connected now.', ({ stats }) => stats.tunnels.active),
  trunkline_tunnels_opened_total: counter(
    'Tunnels accepted, also those that never completed the handshake.',
    ({ stats }) => stats.tunnels.opened,
  ),
  trunkline_tunnels_closed_total: counter('Tunnels that ended.', ({ stats }) => stats.tunnelEnds, 'code'),
  trunkline_names: gauge(
    'Names that are held, or reserved for a listener that was lost.',
    ({ stats: { names } }) => ({ held: names.active - names.reserved, reserved: names.reserved }),
    'state',
  ),
  trunkline_names_created_total: counter('Names taken.', ({ stats }) => stats.names.created),
  trunkline_names_destroyed_total: counter('Names given back or lost.', ({ stats }) => stats.names.destroyed),
  trunkline_connects_requested_total: counter('Connects that were let in.', ({ stats }) => stats.connects.requested),
  trunkline_connects_settled_total: counter(
    'Connects that were answered, or given up.',
    ({ stats }) => outcomes(stats.connects),
    'outcome',
  ),
  trunkline_connects_pending: gauge('Connects that wait for an answer.', ({ stats }) => stats.connects.pending),
  trunkline_resumes_requested_total: counter(
    'Streams that came to be carried on, and were let in.',
    ({ stats }) => stats.resumes.requested,
  ),
  trunkline_resumes_settled_total: counter(
    'Streams that were to be carried on, by what became of that.',
    ({ stats }) => outcomes(stats.resumes),
    'outcome',
  ),
  trunkline_resumes_pending: gauge(
    'Streams that wait for their other end to be carried on.',
    ({ stats }) => stats.resumes.pending,
  ),
  trunkline_streams: gauge('Streams that are joined now.', ({ stats }) => stats.splices.active),
  trunkline_streams_opened_total: counter(
    'Streams joined, each as often as it finds a connection.',
    ({ stats }) => stats.splices.opened,
  ),
  trunkline_streams_closed_total: counter(
    'Streams that are joined no more.',
    ({ stats }) => ({ ...stats.streams, detached: stats.splices.detached }),
    'outcome',
  ),
  trunkline_refusals_total: counter(
    'Streams and HTTP requests that were refused, by what their peer was told.',
    ({ stats }) => stats.refusals,
    'code',
  ),
  trunkline_passed_bytes_total: counter('Payload passed on between tunnels.', ({ stats }) => stats.bytes.passed),
  trunkline_received_bytes_total: counter('Messages received, all of them.', ({ stats }) => stats.bytes.received),
  trunkline_sent_bytes_total: counter('Messages sent, all of them.', ({ stats }) => stats.bytes.sent),
  trunkline_queued_bytes: gauge('Payload that waits for its receivers.', ({ queuedBytes }) => queuedBytes),
  trunkline_held_bytes: gauge('Memory held for peers: what memoryBytes limits.', ({ heldBytes }) => heldBytes),
  trunkline_credit_stalls_total: counter(
    'Times that a sender had used up its credit while its receiver would have taken more.',
    ({ stats }) => stats.stalls.begun,
  ),
  trunkline_streams_stalled: gauge(
    'Streams of which a sender is held back by the egress budget now.',
    ({ stats }) => stats.stalls.active,
  ),
  trunkline_draining: gauge('1 while the relay is draining.', ({ isDraining }) => (isDraining ? 1 : 0)),
  trunkline_event_loop_delay_seconds: gauge(
    'How late the event loop was since the last scrape.',
    (_, process) => process.eventLoopDelay(),
    'quantile',
  ),
  process_resident_memory_bytes: gauge('Resident memory of the process.', (_, { memory }) => memory.rss),
  nodejs_heap_size_used_bytes: gauge('JavaScript heap in use.', (_, { memory }) => memory.heapUsed),
  nodejs_external_memory_bytes: gauge('Memory outside of the heap, buffers too.', (_, { memory }) => memory.external),
};

/** Prometheus text of one relay, in a registry of its own. Nothing is kept up to date: a scrape reads the counters. */
export class RelayMetrics {
  private registry: Promise<MetricRegistry> | undefined;
  private readonly eventLoop = new EventLoopDelay();

  constructor(private readonly measure: () => Measured) {}

  async text(): Promise<string> {
    this.registry ??= createRegistry();
    const registry = await this.registry;
    const process = { memory: globalThis.process.memoryUsage(), eventLoopDelay: () => this.eventLoop.take() };
    const measured = this.measure();
    for (const [name, metric] of Object.entries(METRICS)) registry.set(name, metric, metric.read(measured, process));
    return registry.text();
  }

  close(): void {
    this.eventLoop.stop();
  }
}

interface ProcessMeasures {
  memory: { rss: number; heapUsed: number; external: number };
  eventLoopDelay(): Record<string, number>;
}

async function createRegistry(): Promise<MetricRegistry> {
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const entries = Object.entries(METRICS).map(([name, { type, help, label }]) => {
    const Type = type === 'counter' ? Counter : Gauge;
    return [name, new Type({ name, help, labelNames: label ? [label] : [], registers: [registry] })] as const;
  });
  return new MetricRegistry(registry, new Map(entries));
}

class MetricRegistry {
  constructor(
    private readonly registry: Registry,
    private readonly metrics: ReadonlyMap<string, Counter | Gauge>,
  ) {}

  set(name: string, { label }: Metric, values: Values): void {
    const metric = this.metrics.get(name);
    metric?.reset();
    if (typeof values === 'number') metric?.inc(values);
    else for (const [key, value] of Object.entries(values)) metric?.inc({ [label as string]: key }, value);
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }
}

const SAMPLE_MS = 20;

/** Begins with the first scrape, so that relays which nobody scrapes pay nothing. */
class EventLoopDelay {
  private histogram: IntervalHistogram | undefined;
  private isStopped = false;

  /** Seconds. */
  take(): Record<string, number> {
    const histogram = this.sampled();
    // It holds the time from sample to sample.
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - SAMPLE_MS / 1e3);
    const hasSamples = histogram !== undefined && histogram.count > 0;
    const delay = {
      '0.5': hasSamples ? late(histogram.percentile(50)) : 0,
      '0.99': hasSamples ? late(histogram.percentile(99)) : 0,
      '1': hasSamples ? late(histogram.max) : 0,
    };
    histogram?.reset();
    return delay;
  }

  stop(): void {
    this.isStopped = true;
    this.histogram?.disable();
  }

  private sampled(): IntervalHistogram | undefined {
    if (this.histogram !== undefined || this.isStopped) return this.histogram;
    this.histogram = monitorEventLoopDelay({ resolution: SAMPLE_MS });
    this.histogram.enable();
    return this.histogram;
  }
}

function outcomes({ matched, refused, expired, canceled }: RelayStats['connects']): Record<string, number> {
  return { matched, refused, expired, canceled };
}

function counter(help: string, read: Metric['read'], label?: string): Metric {
  return { type: 'counter', help, read, ...(label === undefined ? {} : { label }) };
}

function gauge(help: string, read: Metric['read'], label?: string): Metric {
  return { type: 'gauge', help, read, ...(label === undefined ? {} : { label }) };
}
