/**
 * What is inside a download's stream.
 *
 *   sender -> receiver   exactly `size` bytes of the file, then their SHA-256 (32 bytes), then END
 *   receiver -> sender   when the file is saved: the SHA-256 of what was received (32 bytes), then END
 *
 * The file's name and size travel as the listener's meta, the wish to look or to download as the client's.
 */
import { CHECKSUM_BYTES } from './checksum.js';

export interface FileMeta {
  fileName: string;
  size: number;
  type: string;
}

/**
 * `look`: tell me what is shared; the stream stays open and silent, and its end tells that the sender left.
 * `file`: send it. `id` ties a stream to the question its offer raised. `from` is what the receiver says of itself.
 */
export interface RequestMeta {
  want: 'look' | 'file';
  id: string;
  from: string;
}

export type TransferCode = 'TOO_SHORT' | 'TOO_LONG' | 'CHECKSUM_DIFFERS' | 'BAD_OFFER' | 'FILE_UNREADABLE';

/** What goes wrong inside a stream that is fine. A stream destroyed with it brings `code` to the other side as `appCode`. */
export class TransferError extends Error {
  override readonly name = 'TransferError';

  constructor(
    readonly code: TransferCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Splits what arrives into the file's bytes and the checksum behind them. */
export class IncomingFile {
  receivedBytes = 0;
  private readonly checksum = new Uint8Array(CHECKSUM_BYTES);
  private checksumBytes = 0;

  constructor(private readonly size: number) {}

  /** @returns the part of `chunk` that belongs to the file */
  take(chunk: Uint8Array): Uint8Array {
    const ofFile = chunk.subarray(0, Math.min(chunk.length, this.size - this.receivedBytes));
    const rest = chunk.subarray(ofFile.length);
    if (this.checksumBytes + rest.length > CHECKSUM_BYTES) {
      throw new TransferError('TOO_LONG', `the sender sent more than the ${this.size} bytes it announced`);
    }
    this.checksum.set(rest, this.checksumBytes);
    this.checksumBytes += rest.length;
    this.receivedBytes += ofFile.length;
    return ofFile;
  }

  /** @returns the sender's checksum */
  finish(): Uint8Array {
    if (this.receivedBytes < this.size) {
      throw new TransferError('TOO_SHORT', `the sender ended after ${this.receivedBytes} of ${this.size} bytes`);
    }
    if (this.checksumBytes < CHECKSUM_BYTES) {
      throw new TransferError('TOO_SHORT', 'the sender ended before its checksum');
    }
    return this.checksum;
  }
}

/** The sender is a stranger: nothing it says is believed before it has a shape. */
export function parseFileMeta(meta: unknown): FileMeta {
  const { fileName, size, type } = asRecord(meta);
  if (typeof fileName !== 'string' || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new TransferError('BAD_OFFER', 'what listens under this name does not share a file');
  }
  return { fileName: safeFileName(fileName), size, type: typeof type === 'string' ? type : '' };
}

/** Whoever connects without this demo's meta (a script, say) simply gets the file. */
export function parseRequestMeta(meta: unknown): RequestMeta {
  const { want, id, from } = asRecord(meta);
  return {
    want: want === 'look' ? 'look' : 'file',
    id: typeof id === 'string' ? id.slice(0, 64) : '',
    from: typeof from === 'string' ? printable(from).slice(0, 40) : '',
  };
}

/** A name only, never a path, and nothing that hides its true ending when it is displayed. */
function safeFileName(name: string): string {
  const cleaned = printable(name.replaceAll(/[/\\]/g, '_')).trim().slice(0, 200);
  return /^\.*$/.test(cleaned) ? 'download' : cleaned;
}

/** Without control characters and the marks that reverse the direction of writing. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '');
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
