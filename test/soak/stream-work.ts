import { createHistogram } from 'node:perf_hooks';
import type { TunnelStream } from '../../src/index.js';
import { bytesAt } from '../support/exchange.js';
import { CheckedReader } from './checked-reader.js';
import { LoadCounts } from './load-counts.js';
import { Pauses } from './pauses.js';
import { type End, isEcho, type Plan } from './stream-plans.js';

/** The ends of streams in one process: does at each what its plan says, and counts what comes of it. */
export class StreamWork {
  readonly counts = new LoadCounts();
  readonly pauses = new Pauses();
  /** Nanoseconds; of ping-pong, cuts included. */
  readonly roundTrips = createHistogram();
  private readonly active = new Map<TunnelStream, string>();
  private whenIdle: (() => void) | undefined;

  /** Which streams are not closed yet: for who waits in vain. */
  get open(): string[] {
    return [...this.active].map(
      ([stream, what]) =>
        `${what} ${stream.uid}${stream.suspended ? ', suspended' : ''}, ${stream.readableLength} unread`,
    );
  }

  get openCount(): number {
    return this.active.size;
  }

  /** Resolves once every stream is closed. */
  async idle(): Promise<void> {
    if (this.active.size > 0) {
      await new Promise<void>((resolve) => {
        this.whenIdle = resolve;
      });
    }
  }

  /** Resolves with whether it went to its planned end, once the stream is closed. */
  opener(stream: TunnelStream, plan: Plan): Promise<boolean> {
    const reader = this.read(stream, plan, 'opener', isEcho(plan.kind) ? plan.seed : plan.seed + 1);
    const writer = new PlannedWriter(stream, plan.seed, plan, this.pauses);
    const closed = this.follow(stream, plan, 'opener', () => reader.bytes === writer.bytes);
    if (plan.kind === 'pingPong') void this.playRounds(stream, plan, { reader, writer });
    else if (plan.kind === 'idle') void this.pauses.pause(plan.pauseMs).then(() => writer.writeAll());
    else void writer.writeAll();
    if (plan.abandonAtBytes !== undefined) void reader.reached(plan.abandonAtBytes).then(() => stream.destroy());
    return closed;
  }

  acceptor(stream: TunnelStream): Promise<boolean> {
    const plan = stream.meta as unknown as Plan;
    const reader = this.read(stream, plan, 'acceptor', plan.seed);
    // How much is echoed is the opener's to know, which may stop early, and counts it.
    const isWhole = () => isEcho(plan.kind) || reader.bytes === plan.bytesEachWay;
    const closed = this.follow(stream, plan, 'acceptor', isWhole);
    if (isEcho(plan.kind)) stream.pipe(stream);
    else void new PlannedWriter(stream, plan.seed + 1, plan, this.pauses).writeAll();
    return closed;
  }

  private read(stream: TunnelStream, plan: Plan, end: End, seed: number): CheckedReader {
    const everyBytes = plan.stop?.end === end ? plan.stop.everyBytes : Number.POSITIVE_INFINITY;
    let stopAtBytes = everyBytes;
    return new CheckedReader(stream, seed, (length, total) => {
      this.counts.values.bytesChecked += length;
      if (total < stopAtBytes) return;
      stopAtBytes = total + everyBytes;
      stream.pause();
      void this.pauses.pause(plan.pauseMs).then(() => stream.resume());
    });
  }

  private follow(stream: TunnelStream, plan: Plan, end: End, isWhole: () => boolean): Promise<boolean> {
    this.counts.watchStream(stream, plan.kind);
    this.active.set(stream, `${plan.kind} ${end}`);
    const isAbandoned = plan.abandonAtBytes !== undefined;
    let error: unknown;
    stream.on('error', (reason) => {
      error = reason;
    });
    return new Promise((resolve) => {
      stream.once('close', () => {
        const wentWell = isAbandoned || (stream.readableEnded && stream.writableFinished && isWhole());
        if (error) this.counts.failed(plan.kind, end, error);
        else if (!wentWell) this.counts.failed(plan.kind, end, closedEarly(stream));
        this.closed(stream);
        resolve(error === undefined && wentWell);
      });
    });
  }

  private closed(stream: TunnelStream): void {
    this.active.delete(stream);
    if (this.active.size === 0) this.whenIdle?.();
  }

  private async playRounds(
    stream: TunnelStream,
    plan: Plan,
    { reader, writer }: { reader: CheckedReader; writer: PlannedWriter },
  ): Promise<void> {
    while (writer.bytes < plan.bytesEachWay && !stream.destroyed && !this.pauses.isOver) {
      const started = performance.now();
      await writer.writeNext();
      await reader.reached(writer.bytes);
      this.roundTrips.record(Math.max(1, Math.round((performance.now() - started) * 1e6)));
      await this.pauses.pause(plan.pauseMs);
    }
    stream.end();
  }
}

function closedEarly(stream: TunnelStream): Error {
  const { readableEnded, writableFinished } = stream;
  const error = new Error(`closed without an error; ended ${readableEnded}, finished ${writableFinished}`);
  return Object.assign(error, { code: 'CLOSED_EARLY' });
}

class PlannedWriter {
  bytes = 0;
  private readonly startedAt = performance.now();

  constructor(
    private readonly stream: TunnelStream,
    private readonly seed: number,
    private readonly plan: Plan,
    private readonly pauses: Pauses,
  ) {}

  /** To the end, at the pace of the plan. */
  async writeAll(): Promise<void> {
    const { bytesEachWay, bytesPerSecond } = this.plan;
    while (this.bytes < bytesEachWay && !this.stream.destroyed) {
      await this.writeNext();
      if (bytesPerSecond === 0) continue;
      const dueAt = this.startedAt + (this.bytes / bytesPerSecond) * 1000;
      await this.pauses.pause(dueAt - performance.now());
    }
    this.stream.end();
  }

  /** Resolves when the stream takes more. */
  async writeNext(): Promise<void> {
    const length = Math.min(this.plan.chunkBytes, this.plan.bytesEachWay - this.bytes);
    const chunk = bytesAt(this.seed, this.bytes, length);
    this.bytes += length;
    if (this.stream.write(chunk)) return;
    await new Promise<void>((resolve) => {
      const proceed = () => {
        this.stream.off('drain', proceed);
        this.stream.off('close', proceed);
        resolve();
      };
      this.stream.on('drain', proceed);
      this.stream.on('close', proceed);
    });
  }
}
