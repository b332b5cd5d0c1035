/** What a stream of the benchmark asks of the far end, in its first bytes. */
export type Request =
  /** Everything comes back. */
  | { kind: 'echo' }
  /**
   * Bytes are counted; a report comes back at once, which says that the far end is there, and another after each
   * `reportEveryBytes`. With `hashed` it holds their SHA-256.
   */
  | { kind: 'count'; reportEveryBytes: number; hashed: boolean }
  /** Nothing is read after the request. A report comes back at once. */
  | { kind: 'never-read' };

const KINDS: readonly Request['kind'][] = ['echo', 'count', 'never-read'];

export const REQUEST_BYTES = 16;
export const HASH_BYTES = 32;
export const REPORT_BYTES = 8 + HASH_BYTES;

export function encodeRequest(request: Request): Buffer {
  const bytes = Buffer.alloc(REQUEST_BYTES);
  bytes[0] = KINDS.indexOf(request.kind);
  if (request.kind !== 'count') return bytes;
  bytes[1] = request.hashed ? 1 : 0;
  bytes.writeDoubleLE(request.reportEveryBytes, 8);
  return bytes;
}

/** @throws RangeError for bytes that ask for nothing known */
export function decodeRequest(bytes: Buffer): Request {
  const kind = KINDS[bytes[0] as number];
  if (kind === undefined) throw new RangeError(`there is no request ${bytes[0]}`);
  if (kind !== 'count') return { kind };
  return { kind, reportEveryBytes: bytes.readDoubleLE(8), hashed: bytes[1] === 1 };
}

export function encodeReport(count: number, hash: Uint8Array): Buffer {
  const bytes = Buffer.alloc(REPORT_BYTES);
  bytes.writeDoubleLE(count, 0);
  bytes.set(hash, 8);
  return bytes;
}

export function decodeReport(bytes: Buffer): { count: number; hash: Buffer } {
  return { count: bytes.readDoubleLE(0), hash: bytes.subarray(8, REPORT_BYTES) };
}
