import { setTimeout } from 'node:timers/promises';
import type { ByteStream, Line } from '../carriers/carrier.js';
import { encodeRequest } from '../request.js';
import { type Latencies, toLatencies } from '../statistics.js';
import { openCounted } from './counted-stream.js';
import { ReplyReader } from './reply-reader.js';
import { writeAll } from './source.js';

const PING_BYTES = 64;
/** Of the time, at its start: not counted. */
const WARM_UP_SHARE = 0.2;
const BULK_WRITE_BYTES = 64 * 1024;
const REPORT_EVERY_BYTES = 1024 * 1024;
/** A window that has not grown yet is not the rate of a bulk stream. */
const BULK_WARM_UP_MS = 150;

export async function pingPong(line: Line, { ms }: { ms: number }): Promise<Latencies> {
  const stream = await line.open();
  const latencies = await exchange(stream, ms);
  await stream.close();
  return latencies;
}

export interface BesideBulkArguments {
  idleMs: number;
  bulkAloneMs: number;
  besideMs: number;
}

export interface BesideBulkResult {
  idle: Latencies;
  beside: Latencies;
  /** Bytes per millisecond, of what arrived. */
  bulkAloneRate: number;
  bulkBesideRate: number;
}

/** Ping-pong alone, then a bulk stream of the same line alone, then both: each figure beside what it is alone. */
export async function pingPongBesideBulk(
  line: Line,
  { idleMs, bulkAloneMs, besideMs }: BesideBulkArguments,
): Promise<BesideBulkResult> {
  const idle = await pingPong(line, { ms: idleMs });
  const stream = await line.open();
  const bulk = await startBulk(line);
  await setTimeout(BULK_WARM_UP_MS);
  const { rate: bulkAloneRate } = await bulk.rateDuring(() => setTimeout(bulkAloneMs));
  const { rate: bulkBesideRate, result: beside } = await bulk.rateDuring(() => exchange(stream, besideMs));
  await Promise.all([bulk.stop(), stream.close()]);
  return { idle, beside, bulkAloneRate, bulkBesideRate };
}

/** A stream that carries as much as it can until it is stopped. */
async function startBulk(line: Line) {
  const { stream, report } = await openCounted(line, {
    kind: 'count',
    reportEveryBytes: REPORT_EVERY_BYTES,
    hashed: false,
  });
  let isOver = false;
  let arrived = 0;
  const writing = writeAll(stream, { writeBytes: BULK_WRITE_BYTES, isDone: () => isOver });
  // Left waiting for its last report, which may never be due.
  void (async () => {
    while (!isOver) arrived = (await report()).count;
  })();
  return {
    async rateDuring<T>(run: () => Promise<T>): Promise<{ rate: number; result: T }> {
      const [arrivedBefore, started] = [arrived, performance.now()];
      const result = await run();
      return { rate: (arrived - arrivedBefore) / (performance.now() - started), result };
    },
    async stop(): Promise<void> {
      isOver = true;
      await writing;
      await stream.close();
    },
  };
}

async function exchange(stream: ByteStream, ms: number): Promise<Latencies> {
  const replies = new ReplyReader(stream);
  stream.write(encodeRequest({ kind: 'echo' }));
  const ping = Buffer.alloc(PING_BYTES, 7);
  const pingMs: number[] = [];
  const started = performance.now();
  while (performance.now() - started < ms || pingMs.length === 0) {
    const sent = performance.now();
    stream.write(ping);
    await replies.read(PING_BYTES);
    if (sent - started >= ms * WARM_UP_SHARE) pingMs.push(performance.now() - sent);
  }
  return toLatencies(pingMs);
}
