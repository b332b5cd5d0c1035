/**
 * One end of a checked exchange, the same code in a page and in Node: each side sends its own seeded bytes in writes of
 * random sizes, checks every byte of the other's by its offset, and hashes both directions.
 */
import type { TunnelStream } from 'trunkline';

export interface ExchangeOptions {
  bytes: number;
  /** What the other side sends. Default: as much. */
  peerBytes?: number;
  /** After these this side does not write on, see `allow`. */
  allowedBytes?: number;
  /** Does not end its direction. */
  staysOpen?: boolean;
  /** Seed of what this side sends. */
  seed: number;
  /** Seed of what the other side sends. */
  peerSeed: number;
}

export interface ExchangeResult {
  sentBytes: number;
  sentSha256: string;
  receivedSha256: string;
  receivedBytes: number;
  /** How often the stream was without a connection. */
  suspensions: number;
  /** Offset of the first byte that is not what it should be; -1 when there is none. */
  firstWrongOffset: number;
  /** In order of their coming. */
  events: string[];
}

/** Where an exchange is, and how far it may go, for whoever disturbs it: it must not be over before. */
export class ExchangeProgress {
  receivedBytes = 0;
  suspensions = 0;
  private goOn = (): void => {};

  /** @param allowedBytes after these this side does not write on */
  constructor(private allowedBytes = Number.POSITIVE_INFINITY) {}

  allow(bytes: number): void {
    this.allowedBytes = bytes;
    this.goOn();
  }

  /** Once this side may write behind that offset. */
  async allowed(offset: number): Promise<void> {
    while (offset >= this.allowedBytes) {
      await new Promise<void>((resolve) => {
        this.goOn = resolve;
      });
    }
  }
}

const MAX_WRITE_BYTES = 200_000;

export async function exchange(
  stream: TunnelStream,
  options: ExchangeOptions,
  progress = new ExchangeProgress(),
): Promise<ExchangeResult> {
  const events: string[] = [];
  for (const name of ['end', 'finish', 'close'] as const) stream.once(name, () => events.push(name));
  stream.on('suspend', () => progress.suspensions++);
  stream.once('close', () => progress.allow(Number.POSITIVE_INFINITY));
  stream.on('error', (error: Error) => events.push(`error ${(error as { code?: string }).code}: ${error.message}`));
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  const sent = seededBytes(options.seed, options.bytes);
  const expected = seededBytes(options.peerSeed, options.peerBytes ?? options.bytes);
  const received = new Uint8Array(expected.length);
  let firstWrongOffset = -1;
  stream.on('data', (chunk: Uint8Array) => {
    for (let index = 0; firstWrongOffset < 0 && index < chunk.length; index++) {
      if (chunk[index] !== expected[progress.receivedBytes + index]) firstWrongOffset = progress.receivedBytes + index;
    }
    if (progress.receivedBytes + chunk.length <= received.length) received.set(chunk, progress.receivedBytes);
    progress.receivedBytes += chunk.length;
  });
  await writeInRandomSizes(stream, sent, options.seed, progress);
  if (!options.staysOpen) stream.end();
  await closed;
  return {
    sentBytes: sent.length,
    sentSha256: await sha256(sent),
    receivedSha256: await sha256(received),
    receivedBytes: progress.receivedBytes,
    suspensions: progress.suspensions,
    firstWrongOffset,
    events,
  };
}

async function writeInRandomSizes(
  stream: TunnelStream,
  bytes: Uint8Array,
  seed: number,
  progress: ExchangeProgress,
): Promise<void> {
  let state = seed;
  for (let at = 0; at < bytes.length && !stream.destroyed; ) {
    await progress.allowed(at);
    state = mix(state + 1);
    // Half of the writes are small: both the gathering and the splitting of frames have something to do.
    const size = 1 + (state % (state & 0x100 ? 2_000 : MAX_WRITE_BYTES));
    const chunk = bytes.slice(at, at + size);
    at += size;
    if (!stream.write(chunk)) await drained(stream);
  }
}

/** Room again, or the stream is over. */
function drained(stream: TunnelStream): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off('drain', settle).off('close', settle);
      resolve();
    };
    stream.on('drain', settle).on('close', settle);
  });
}

/** Every four bytes depend on the seed and their offset, so loss, doubling and exchange of bytes are all seen. */
function seededBytes(seed: number, length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let index = 0; index < words.length; index++) words[index] = mix(Math.imul(seed, 0x9e3779b1) + index);
  return new Uint8Array(words.buffer, 0, length);
}

function mix(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
