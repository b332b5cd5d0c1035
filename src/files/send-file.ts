import type { Duplex } from '../runtime/node-stream.js';
import type { ByteSource } from './byte-source.js';
import { brokenWire, callApplication, sourceChanged } from './failures.js';
import { type HeldMessage, offerMessage, readHeld, readStored } from './file-messages.js';
import { Hasher } from './hasher.js';
import type { MessageStream } from './message-stream.js';
import { assertSource, type FileSource, openSource } from './open-source.js';
import { assertStream, runTransfer } from './transfer.js';

const CHUNK_BYTES = 256 * 1024;

export interface SendProgress {
  /** Handed to the stream, with what the receiver had before. */
  sentBytes: number;
  sizeBytes: number;
}

export interface SendFileOptions {
  /** What the receiver is told. Default: the file's own name, without its folders; 'file' for a Blob. */
  name?: string | undefined;
  /** A media type. Default: that of the File or Blob; empty for a path. */
  type?: string | undefined;
  /** Called at the start and after each chunk, and with `sentBytes` equal to `sizeBytes` at the end. */
  onProgress?: ((progress: SendProgress) => void) | undefined;
  /** Gives it up at both ends, with CANCELED. */
  signal?: AbortSignal | undefined;
}

export interface SentFile {
  /** As the receiver was told. */
  name: string;
  sizeBytes: number;
  /** Of the whole file: 64 hexadecimal digits. The receiver has computed the same. */
  sha256: string;
  /** What the receiver had of it before, from an interrupted transfer. */
  resumedBytes: number;
}

/**
 * Sends one file over a stream that has `receiveFile` at its other end, and ends the stream. Resolves once the receiver has
 * stored it, under its final name.
 *
 * @param source a path (Node), a `File` or a `Blob`
 * @throws TypeError for what is no stream or no source, and leaves the stream alone. TrunklineError for all else, with the
 *   stream destroyed: CANCELED when aborted, when a file at either end failed (`appCode` is Node's code; `cause` is its error,
 *   if it was here) or changed (FILE_CHANGED); REFUSED and LIMIT_BYTES when the receiver does not want it; PROTOCOL when the
 *   other end does not keep to the protocol, or has other bytes in the end (WRONG_HASH); or why the stream failed.
 */
export async function sendFile(stream: Duplex, source: FileSource, options: SendFileOptions = {}): Promise<SentFile> {
  assertStream(stream);
  assertSource(source);
  return await runTransfer(stream, options.signal, async (messages) => {
    messages.throwIfFailed();
    const file = await openSource(source);
    try {
      return await send(messages, file, options);
    } finally {
      await file.close();
    }
  });
}

async function send(messages: MessageStream, file: ByteSource, options: SendFileOptions): Promise<SentFile> {
  const name = (options.name ?? file.name) || 'file';
  const { sizeBytes: size, modifiedMs } = file;
  const offer = { name, size, type: options.type ?? file.type, ...(modifiedMs === undefined ? {} : { modifiedMs }) };
  await messages.writeControl(offerMessage(offer));
  const { hasher, offset } = await agree(messages, file, readHeld(await messages.nextControl()));
  await messages.writeControl({ offset });
  const verdict = listenForVerdict(messages);
  await sendBytes(messages, file, offset, hasher, options.onProgress);
  const sha256 = hasher.digest();
  verdict.expect();
  await messages.writeControl({ sha256 });
  if (readStored(await verdict.message) !== sha256) throw brokenWire('the receiver stored other bytes', 'WRONG_HASH');
  await messages.endInOrder();
  return { name, sizeBytes: size, sha256, resumedBytes: offset };
}

/** The receiver goes on from what it holds if that is the beginning of this file, and else starts anew. */
async function agree(
  messages: MessageStream,
  file: ByteSource,
  held: HeldMessage,
): Promise<{ hasher: Hasher; offset: number }> {
  if (held.offset > file.sizeBytes) return { hasher: new Hasher(), offset: 0 };
  const hasher = new Hasher();
  for (let at = 0; at < held.offset; at += CHUNK_BYTES) {
    messages.throwIfFailed();
    hasher.update(await readExactly(file, at, Math.min(CHUNK_BYTES, held.offset - at)));
  }
  if (hasher.digest() !== held.sha256) return { hasher: new Hasher(), offset: 0 };
  return { hasher, offset: held.offset };
}

/** The receiver's last message, or its error, which may come at any time and ends the sending. */
function listenForVerdict(messages: MessageStream): { message: Promise<Record<string, unknown>>; expect(): void } {
  let isDue = false;
  const message = messages.nextControl();
  message.then(
    () => {
      if (!isDue) messages.fail(brokenWire('the receiver answered before it had the whole file'));
    },
    (error) => messages.fail(error),
  );
  return {
    message,
    expect: () => {
      isDue = true;
    },
  };
}

async function sendBytes(
  messages: MessageStream,
  file: ByteSource,
  from: number,
  hasher: Hasher,
  onProgress: SendFileOptions['onProgress'],
): Promise<void> {
  const { sizeBytes } = file;
  const report = (sentBytes: number) => callApplication('onProgress', () => onProgress?.({ sentBytes, sizeBytes }));
  await report(from);
  let reading = readChunk(file, from);
  for (let at = from; at < sizeBytes; ) {
    const bytes = await reading;
    at += bytes.length;
    // The next chunk is read while this one is hashed and sent.
    reading = readChunk(file, at);
    reading.catch(() => {});
    hasher.update(bytes);
    await messages.writeData(bytes);
    await report(at);
  }
  if ((await file.read(sizeBytes, 1)).length > 0) throw sourceChanged('grew');
}

function readChunk(file: ByteSource, at: number): Promise<Uint8Array> {
  return readExactly(file, at, Math.min(CHUNK_BYTES, file.sizeBytes - at));
}

async function readExactly(file: ByteSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await file.read(offset, length);
  if (bytes.length < length) throw sourceChanged('shrank');
  return bytes;
}
