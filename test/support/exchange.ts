import { StreamClient, type StreamListener, StreamServer, type Tunnel, type TunnelStream } from '../../src/index.js';
import { seededBytes } from './seeded-bytes.js';
import { deferred } from './until.js';

/**
 * A prime, so that no loss that chunks or windows can make is a multiple of it. With the count of all bytes, which is
 * checked as well, each byte is checked by its offset; and comparing with one block costs next to nothing, so that a
 * throughput is that of the streams.
 */
const PERIOD_BYTES = 1_048_583;
const LONGEST_BYTES = 1024 * 1024;
const WRITE_BYTES = 64 * 1024;
const period = seededBytes(1, 0, PERIOD_BYTES);
const block = Buffer.concat([period, period.subarray(0, LONGEST_BYTES)]);

/** What stands there in the stream with this seed. At most LONGEST_BYTES. */
export function bytesAt(seed: number, offset: number, length: number): Buffer {
  const start = (seed * 7919 + offset) % PERIOD_BYTES;
  return block.subarray(start, start + length);
}

/** The two tunnels that streams run between, and the name they meet at. */
export interface Route {
  client: Tunnel;
  listener: Tunnel;
  name: string;
}

export interface ExchangeOptions {
  routes: Route[];
  streamsPerRoute: number;
  /** Each stream carries so many to its listener, and as many back. */
  bytesEachWay: number;
  /** The last bytes of each direction, that are not written before `release()`. */
  heldBytes?: number;
  waitMs?: number;
  /** The owner secret of all listeners. */
  owner?: string;
  /** Here is one end of a stream. */
  onStream?: (stream: TunnelStream, route: Route) => void;
}

/**
 * Streams between clients and listeners, both ways at once, every byte checked. `done` rejects at the first byte that is
 * not the one due, at the first 'error' of a stream or listener, and at a stream that closes without 'end' and 'finish'.
 */
export class Exchange {
  readonly listeners: StreamListener[] = [];
  readonly streams: TunnelStream[] = [];
  readonly totalBytes: number;
  /** Of those that arrived and were right. */
  bytes = 0;
  private readonly outcome = deferred();
  private readonly released = deferred();
  private readonly milestones = new Set<{ atBytes: number; reached: () => void }>();
  private endsLeft: number;

  private constructor(private readonly options: ExchangeOptions) {
    const streams = options.routes.length * options.streamsPerRoute;
    this.totalBytes = streams * options.bytesEachWay * 2;
    this.endsLeft = streams * 2;
  }

  /** Resolves when all names are held; the streams are being opened then. */
  static async start(options: ExchangeOptions): Promise<Exchange> {
    const exchange = new Exchange(options);
    await Promise.all(options.routes.map((route) => exchange.listen(route)));
    for (const [index, route] of options.routes.entries()) exchange.connect(route, index * options.streamsPerRoute);
    return exchange;
  }

  /** Once both ends of all streams have ended and finished. */
  get done(): Promise<void> {
    return this.outcome.promise;
  }

  /** Resolves when this share of all has arrived; rejects with what `done` rejects with. */
  reached(share: number): Promise<void> {
    const milestone = deferred();
    this.milestones.add({ atBytes: share * this.totalBytes, reached: milestone.resolve });
    this.count(0);
    return Promise.race([milestone.promise, this.done]);
  }

  release(): void {
    this.released.resolve();
  }

  async close(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.close()));
  }

  private async listen(route: Route): Promise<void> {
    const { owner } = this.options;
    const serve = (stream: TunnelStream): void => {
      const index = stream.meta as number;
      this.move(stream, route, { outSeed: 2 * index + 1, inSeed: 2 * index });
    };
    const listener = StreamServer(route.listener, { owner }, serve).listen(route.name);
    this.listeners.push(listener);
    listener.on('error', (error) => this.outcome.reject(error));
    await listener.ready;
  }

  private connect(route: Route, firstIndex: number): void {
    const { streamsPerRoute, waitMs } = this.options;
    const client = StreamClient(route.client, { waitMs });
    for (let index = firstIndex; index < firstIndex + streamsPerRoute; index++) {
      const stream = client.connect(route.name, { meta: index });
      this.move(stream, route, { outSeed: 2 * index, inSeed: 2 * index + 1 });
    }
  }

  private move(stream: TunnelStream, route: Route, { outSeed, inSeed }: { outSeed: number; inSeed: number }): void {
    this.streams.push(stream);
    this.options.onStream?.(stream, route);
    let offset = 0;
    stream.on('data', (chunk: Buffer) => {
      const problem = this.problemOf(chunk, inSeed, offset);
      if (problem) stream.destroy(new Error(problem));
      offset += chunk.length;
      this.count(chunk.length);
    });
    stream.on('error', (error) => this.outcome.reject(error));
    stream.on('close', () => this.closed(stream, offset, inSeed));
    void this.writeAll(stream, outSeed);
  }

  private problemOf(chunk: Buffer, seed: number, offset: number): string | undefined {
    const expected = bytesAt(seed, offset, chunk.length);
    if (expected.equals(chunk)) return undefined;
    const at = offset + expected.findIndex((byte, index) => byte !== chunk[index]);
    return `stream of seed ${seed}: byte ${at} is not the one due`;
  }

  private closed(stream: TunnelStream, bytes: number, seed: number): void {
    const isWhole = stream.readableEnded && stream.writableFinished && bytes === this.options.bytesEachWay;
    if (!isWhole) return this.outcome.reject(new Error(`stream of seed ${seed}: closed after ${bytes} bytes`));
    if (--this.endsLeft === 0) this.outcome.resolve();
  }

  private async writeAll(stream: TunnelStream, seed: number): Promise<void> {
    const { bytesEachWay, heldBytes = 0 } = this.options;
    await writeBetween(stream, seed, 0, bytesEachWay - heldBytes);
    if (heldBytes > 0) await this.released.promise;
    await writeBetween(stream, seed, bytesEachWay - heldBytes, bytesEachWay);
    stream.end();
  }

  private count(length: number): void {
    this.bytes += length;
    for (const milestone of this.milestones) {
      if (this.bytes < milestone.atBytes) continue;
      this.milestones.delete(milestone);
      milestone.reached();
    }
  }
}

async function writeBetween(stream: TunnelStream, seed: number, from: number, to: number): Promise<void> {
  for (let offset = from; offset < to && !stream.destroyed; offset += WRITE_BYTES) {
    const chunk = bytesAt(seed, offset, Math.min(WRITE_BYTES, to - offset));
    if (!stream.write(chunk)) await new Promise((resolve) => stream.once('drain', resolve));
  }
}
