import { TrunklineError, toTrunklineError } from '../protocol/errors.js';
import type { Duplex } from '../runtime/node-stream.js';
import { toldOf } from './failures.js';
import { MessageStream } from './message-stream.js';

/** @throws TypeError, with the stream as it was */
export function assertStream(stream: Duplex): void {
  const { read, write, readableEncoding, readableObjectMode, writableObjectMode } = (stream ?? {}) as Partial<Duplex>;
  if (typeof read !== 'function' || typeof write !== 'function') throw new TypeError('a file needs a Duplex stream');
  if (readableEncoding || readableObjectMode || writableObjectMode) {
    throw new TypeError('a file needs a stream of bytes: without setEncoding(), and not in object mode');
  }
}

/** Runs one side of a transfer. Whatever ends it early destroys the stream, and is told to the other side. */
export async function runTransfer<T>(
  stream: Duplex,
  signal: AbortSignal | undefined,
  work: (messages: MessageStream) => Promise<T>,
): Promise<T> {
  const messages = new MessageStream(stream);
  const abort = (): void => {
    messages.fail(new TrunklineError('CANCELED', 'the transfer was aborted', { cause: signal?.reason }));
  };
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await work(messages);
  } catch (cause) {
    const error = toTrunklineError(cause, 'INTERNAL');
    await messages.abandon(toldOf(error));
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
