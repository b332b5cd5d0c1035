import { createHash } from 'node:crypto';
import type { ByteStream } from '../carriers/carrier.js';
import { writeAll } from '../client/source.js';
import {
  assertReport,
  decodeReport,
  decodeRequest,
  encodeReport,
  encodeVerdict,
  REPORT_BYTES,
  REQUEST_BYTES,
  type Request,
} from './protocol.js';

type Listener = (bytes: Uint8Array) => void;

/** The application behind the Node endpoint: takes or gives bytes, as the page asks. */
export function serve(stream: ByteStream): void {
  let listener = collect(REQUEST_BYTES, (head) => {
    const request = decodeRequest(head);
    listener = request.direction === 'page-to-node' ? take(stream, request) : give(stream, request);
    const rest = head.subarray(REQUEST_BYTES);
    if (rest.length > 0) listener(rest);
  });
  stream.onData((bytes) => listener(bytes));
}

/** Calls once, with `count` bytes or a few more. */
function collect(count: number, done: Listener): Listener {
  let collected = Buffer.alloc(0);
  return (bytes) => {
    collected = Buffer.concat([collected, bytes]);
    if (collected.length >= count) done(collected);
  };
}

function take(stream: ByteStream, { totalBytes, reportEveryBytes, hashed }: Request): Listener {
  const hash = createHash('sha256');
  let count = 0;
  let reportAt = Math.min(reportEveryBytes, totalBytes);
  return (bytes) => {
    count += bytes.length;
    if (hashed) hash.update(bytes);
    if (count < reportAt) return;
    reportAt = count < totalBytes ? Math.min(count + reportEveryBytes, totalBytes) : Number.POSITIVE_INFINITY;
    stream.write(encodeReport({ count, hash: hashed ? hash.copy().digest() : new Uint8Array() }));
  };
}

function give(stream: ByteStream, { totalBytes, writeBytes, hashed }: Request): Listener {
  const hash = createHash('sha256');
  const started = performance.now();
  const onChunk = hashed ? { onChunk: (chunk: Buffer) => void hash.update(chunk) } : {};
  const written = writeAll(stream, { writeBytes, isDone: (sent) => sent >= totalBytes, ...onChunk });
  return collect(REPORT_BYTES, (report) => {
    const ms = performance.now() - started;
    void written.then(() => {
      stream.write(encodeVerdict(judge(report, totalBytes, hashed ? hash.digest() : undefined) ? ms : Number.NaN));
    });
  });
}

function judge(report: Uint8Array, totalBytes: number, hash: Uint8Array | undefined): boolean {
  try {
    assertReport(decodeReport(report), totalBytes, hash);
    return true;
  } catch (error) {
    console.error(`node-to-page: ${(error as Error).message}`);
    return false;
  }
}
