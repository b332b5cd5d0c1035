import { createHash } from 'node:crypto';
import type { Line } from '../carriers/carrier.js';
import { inBatches } from './batches.js';
import { type CountedStream, openCounted } from './counted-stream.js';
import { writeAll } from './source.js';
import { countWireBytes } from './wire-bytes.js';

const OPENED_AT_ONCE = 250;

export interface BulkArguments {
  streams: number;
  writeBytes: number;
  totalBytes: number;
  hashed: boolean;
}

export interface BulkResult {
  bytes: number;
  ms: number;
  /** What the sockets at this side carried for them, both directions. */
  wireBytes: number;
}

/** Ends when the far end has reported the last byte of every stream, and fails unless it counted every one. */
export async function bulk(
  line: Line,
  { streams, writeBytes, totalBytes, hashed }: BulkArguments,
): Promise<BulkResult> {
  const perStream = Math.ceil(totalBytes / streams / writeBytes) * writeBytes;
  const opened = await inBatches(streams, OPENED_AT_ONCE, () =>
    openCounted(line, { kind: 'count', reportEveryBytes: perStream, hashed }),
  );
  const wireBytesBefore = countWireBytes();
  const started = performance.now();
  await Promise.all(opened.map((counted) => transfer(counted, { perStream, writeBytes, hashed })));
  const ms = performance.now() - started;
  const wireBytes = countWireBytes() - wireBytesBefore;
  await Promise.all(opened.map(({ stream }) => stream.close()));
  return { bytes: perStream * streams, ms, wireBytes };
}

async function transfer(
  { stream, report }: CountedStream,
  { perStream, writeBytes, hashed }: { perStream: number; writeBytes: number; hashed: boolean },
): Promise<void> {
  const hash = createHash('sha256');
  const reported = report();
  await writeAll(stream, {
    writeBytes,
    isDone: (sent) => sent >= perStream,
    ...(hashed ? { onChunk: (chunk) => void hash.update(chunk) } : {}),
  });
  const { count, hash: hashThere } = await reported;
  if (count !== perStream) throw new Error(`${count} bytes arrived of ${perStream}`);
  if (hashed && !hashThere.equals(hash.digest())) throw new Error('what arrived is not what was sent');
}
