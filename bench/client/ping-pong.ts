import type { ByteStream, Line } from '../carriers/carrier.js';
import { decodeReport, encodeRequest, REPORT_BYTES } from '../request.js';
import { type Latencies, toLatencies } from '../statistics.js';
import { ReplyReader } from './reply-reader.js';
import { writeAll } from './source.js';

const PING_BYTES = 64;
const WARM_UP_PINGS = 100;
const BULK_WRITE_BYTES = 64 * 1024;
const REPORT_EVERY_BYTES = 1024 * 1024;

export async function pingPong(line: Line, { ms }: { ms: number }): Promise<Latencies> {
  const stream = await line.open();
  const latencies = await exchange(stream, ms);
  await stream.close();
  return latencies;
}

export type PingPongBesideBulk = Latencies & { bulkBytes: number; bulkMs: number };

/** The ping-pong, while a second stream of the same line carries as much as it can. Its rate is what arrived. */
export async function pingPongBesideBulk(line: Line, { ms }: { ms: number }): Promise<PingPongBesideBulk> {
  const [bulk, stream] = [await line.open(), await line.open()];
  let isOver = false;
  let arrived = 0;
  const replies = new ReplyReader(bulk);
  const started = performance.now();
  bulk.write(encodeRequest({ kind: 'count', reportEveryBytes: REPORT_EVERY_BYTES, hashed: false }));
  const writing = writeAll(bulk, { writeBytes: BULK_WRITE_BYTES, isDone: () => isOver });
  // Left waiting for its last report, which may never be due.
  void (async () => {
    while (!isOver) arrived = decodeReport(await replies.read(REPORT_BYTES)).count;
  })();
  const latencies = await exchange(stream, ms);
  const bulkMs = performance.now() - started;
  const bulkBytes = arrived;
  isOver = true;
  await writing;
  await Promise.all([bulk.close(), stream.close()]);
  return { ...latencies, bulkBytes, bulkMs };
}

async function exchange(stream: ByteStream, ms: number): Promise<Latencies> {
  const replies = new ReplyReader(stream);
  stream.write(encodeRequest({ kind: 'echo' }));
  const ping = Buffer.alloc(PING_BYTES, 7);
  const pingMs: number[] = [];
  for (let count = 0, end = performance.now() + ms; performance.now() < end || pingMs.length === 0; count++) {
    const sent = performance.now();
    stream.write(ping);
    await replies.read(PING_BYTES);
    if (count >= WARM_UP_PINGS || sent + ms > end) pingMs.push(performance.now() - sent);
  }
  return toLatencies(pingMs);
}
