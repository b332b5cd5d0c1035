import { createHash } from 'node:crypto';
import type { ByteStream } from './carriers/carrier.js';
import { decodeRequest, encodeReport, REQUEST_BYTES, type Request } from './request.js';

/** The application behind the listener. */
export function serve(stream: ByteStream): void {
  let head = Buffer.alloc(0);
  let answer: ((bytes: Uint8Array) => void) | undefined;
  stream.onData((bytes) => {
    if (answer) return answer(bytes);
    head = Buffer.concat([head, bytes]);
    if (head.length < REQUEST_BYTES) return;
    answer = answering(stream, decodeRequest(head));
    if (head.length > REQUEST_BYTES) answer(head.subarray(REQUEST_BYTES));
  });
}

function answering(stream: ByteStream, request: Request): (bytes: Uint8Array) => void {
  switch (request.kind) {
    case 'echo':
      return (bytes) => void stream.write(bytes);
    case 'count':
      return counting(stream, request);
    case 'never-read':
      stream.pause();
      stream.write(encodeReport(0, new Uint8Array()));
      return () => {};
  }
}

function counting(
  stream: ByteStream,
  { reportEveryBytes, hashed }: Extract<Request, { kind: 'count' }>,
): (bytes: Uint8Array) => void {
  const hash = createHash('sha256');
  let count = 0;
  let reportAt = reportEveryBytes;
  stream.write(encodeReport(count, new Uint8Array()));
  return (bytes) => {
    count += bytes.length;
    if (hashed) hash.update(bytes);
    if (count < reportAt) return;
    reportAt = count + reportEveryBytes;
    stream.write(encodeReport(count, hashed ? hash.copy().digest() : new Uint8Array()));
  };
}
