import { createHash } from 'node:crypto';
import type { Line } from '../carriers/carrier.js';
import { decodeReport, encodeRequest, REPORT_BYTES } from '../request.js';
import { ReplyReader } from './reply-reader.js';
import { writeAll } from './source.js';

export interface BulkArguments {
  streams: number;
  writeBytes: number;
  totalBytes: number;
  hashed: boolean;
}

export interface BulkResult {
  bytes: number;
  ms: number;
}

/** Ends when the far end has reported the last byte of every stream, and fails unless it counted every one. */
export async function bulk(
  line: Line,
  { streams, writeBytes, totalBytes, hashed }: BulkArguments,
): Promise<BulkResult> {
  const perStream = Math.ceil(totalBytes / streams / writeBytes) * writeBytes;
  const opened = await Promise.all(Array.from({ length: streams }, () => line.open()));
  const started = performance.now();
  await Promise.all(
    opened.map(async (stream) => {
      const replies = new ReplyReader(stream);
      const hash = createHash('sha256');
      stream.write(encodeRequest({ kind: 'count', reportEveryBytes: perStream, hashed }));
      await writeAll(stream, {
        writeBytes,
        isDone: (sent) => sent >= perStream,
        ...(hashed ? { onChunk: (chunk) => void hash.update(chunk) } : {}),
      });
      const report = decodeReport(await replies.read(REPORT_BYTES));
      if (report.count !== perStream) throw new Error(`${report.count} bytes arrived of ${perStream}`);
      if (hashed && !report.hash.equals(hash.digest())) throw new Error('what arrived is not what was sent');
    }),
  );
  const ms = performance.now() - started;
  await Promise.all(opened.map((stream) => stream.close()));
  return { bytes: perStream * streams, ms };
}
