import type { TunnelStream } from '../../src/index.js';
import { CHECKSUM_BYTES, Checksum } from './checksum.js';
import { TransferError } from './transfer-format.js';

export interface Receipt {
  /** Of the bytes that were sent. */
  checksum: Uint8Array;
  /** What the receiver computed; undefined if it did not say. */
  confirmed: Uint8Array | undefined;
}

/**
 * Sends the file piece by piece: the next piece is read from disk when the stream has taken the last one, so no more
 * than one piece and the stream's window are ever in memory.
 */
export async function sendFile(file: File, stream: TunnelStream, onSent: (bytes: number) => void): Promise<Receipt> {
  const confirmation = readConfirmation(stream);
  confirmation.catch(() => {}); // it fails together with the writes below, which tell it
  const checksum = new Checksum();
  const reader = file.stream().getReader();
  let sent = 0;
  try {
    for (;;) {
      const { done, value } = await readPiece(reader);
      if (done) break;
      const taken = write(stream, value);
      checksum.add(value); // while the bytes are on their way
      await taken;
      sent += value.length;
      onSent(sent);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
  if (sent !== file.size)
    throw new TransferError('FILE_UNREADABLE', `the file ended after ${sent} of ${file.size} bytes`);
  const sum = checksum.finish();
  await write(stream, sum);
  await end(stream);
  return { checksum: sum, confirmed: await confirmation };
}

/** Browsers do not agree on the error for a file that was moved or changed. */
async function readPiece(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read();
  } catch (cause) {
    throw new TransferError('FILE_UNREADABLE', 'the file cannot be read any more', { cause });
  }
}

/** Resolves when the stream has taken the bytes, which is when its window has room for them. */
function write(stream: TunnelStream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error?: Error | null) => (error ? reject(error) : resolve()));
  });
}

/** Resolves on 'finish': the receiver's end of the stream holds every byte. */
function end(stream: TunnelStream): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('finish', resolve);
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('the stream was closed')));
    stream.end();
  });
}

async function readConfirmation(stream: TunnelStream): Promise<Uint8Array | undefined> {
  const answer = new Uint8Array(CHECKSUM_BYTES);
  let length = 0;
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    if (length + chunk.length > CHECKSUM_BYTES) throw new Error('the receiver answered with more than a checksum');
    answer.set(chunk, length);
    length += chunk.length;
  }
  return length === CHECKSUM_BYTES ? answer : undefined;
}
