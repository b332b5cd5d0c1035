import { TrunklineError } from '../protocol/errors.js';
import type { Duplex } from '../runtime/node-stream.js';
import type { Destination, Sink } from './destination.js';
import { brokenWire, callApplication } from './failures.js';
import { type OfferMessage, readOffer, readStart, readTrailer } from './file-messages.js';
import { Hasher } from './hasher.js';
import type { MessageStream } from './message-stream.js';
import { type FileDestination, toDestination } from './open-destination.js';
import { safeFileName } from './safe-name.js';
import { assertStream, runTransfer } from './transfer.js';

/** What the sender says of its file; none of it is verified yet. */
export interface FileOffer {
  /** Made safe: never a path, never hidden, at most 255 bytes. */
  name: string;
  /** A media type, or empty. */
  type: string;
  sizeBytes: number;
  /** When it was changed last, in ms since 1970, if the sender knows. */
  modifiedMs: number | undefined;
}

export interface ReceiveProgress {
  /** Of the file, with what was there before. */
  receivedBytes: number;
  sizeBytes: number;
}

/** A "no" that the sender sees as REFUSED: `code` becomes its `appCode`, `text` its message. */
export interface FileRefusal {
  code?: string;
  text?: string;
}

type Answer = boolean | FileRefusal;

export interface ReceiveFileOptions {
  /** Asked once, before anything is written. Default: every file is taken. */
  accept?: ((offer: FileOffer) => Answer | Promise<Answer>) | undefined;
  /** A larger file is refused with LIMIT_BYTES. Default: none is too large. */
  maxSizeBytes?: number | undefined;
  /** Called at the start and whenever something has come, and with `receivedBytes` equal to `sizeBytes` at the end. */
  onProgress?: ((progress: ReceiveProgress) => void) | undefined;
  /** Gives it up at both ends, with CANCELED. */
  signal?: AbortSignal | undefined;
}

export interface ReceivedFile extends FileOffer {
  /** Of the whole file: 64 hexadecimal digits. */
  sha256: string;
  /** Where it is. Undefined when it was written to a page's file. */
  path: string | undefined;
  /** What was there of it before, from an interrupted transfer. */
  resumedBytes: number;
}

/**
 * Receives one file over a stream that has `sendFile` at its other end, and ends the stream. Until it is complete and its hash
 * is right, the file is `NAME.part`; a later call for the same place goes on from that.
 *
 * @param destination a path (Node), or a page's `FileSystemWritableFileStream`. A path that is a folder takes the file under
 *   the sender's name, made safe, and never takes another file's place: there will be a `name (1).ext`. Any other path is the
 *   file's own, and what was there is replaced.
 * @throws TypeError and RangeError for wrong arguments, and leaves the stream alone. TrunklineError for all else, with the
 *   stream destroyed: CANCELED when aborted, when a file at either end failed (`appCode` is Node's code; `cause` is its error,
 *   if it was here) or changed (FILE_CHANGED); REFUSED when `accept` said no, or the same place is being received into
 *   (EBUSY); LIMIT_BYTES when it is too large; PROTOCOL when the other end does not keep to the protocol, or the bytes are
 *   wrong (WRONG_HASH); or why the stream failed.
 */
export function receiveFile(
  stream: Duplex,
  path: string,
  options?: ReceiveFileOptions,
): Promise<ReceivedFile & { path: string }>;
export function receiveFile(
  stream: Duplex,
  destination: FileDestination,
  options?: ReceiveFileOptions,
): Promise<ReceivedFile>;
export async function receiveFile(
  stream: Duplex,
  destination: FileDestination,
  options: ReceiveFileOptions = {},
): Promise<ReceivedFile> {
  assertStream(stream);
  const { maxSizeBytes = Number.MAX_SAFE_INTEGER } = options;
  if (!(maxSizeBytes >= 0)) throw new RangeError(`maxSizeBytes must be a number of bytes, not ${maxSizeBytes}`);
  const place = toDestination(destination);
  return await runTransfer(stream, options.signal, async (messages) => {
    const offer = toFileOffer(readOffer(await messages.nextControl()));
    if (offer.sizeBytes > maxSizeBytes) {
      throw new TrunklineError('LIMIT_BYTES', `the file has ${offer.sizeBytes} bytes, more than ${maxSizeBytes}`);
    }
    await ask(messages, offer, options.accept);
    const { path, ...received } = await receiveInto(messages, place, offer, options);
    await messages.endInOrder();
    return { ...offer, ...received, path };
  });
}

function toFileOffer({ name, size, type, modifiedMs }: OfferMessage): FileOffer {
  return { name: safeFileName(name), type, sizeBytes: size, modifiedMs };
}

async function ask(messages: MessageStream, offer: FileOffer, accept: ReceiveFileOptions['accept']): Promise<void> {
  if (!accept) return;
  const answer = await messages.orFailure(() => callApplication('accept', () => accept({ ...offer })));
  if (answer === true) return;
  const { code, text } = answer || {};
  throw new TrunklineError('REFUSED', text, { appCode: code });
}

type Received = Pick<ReceivedFile, 'sha256' | 'path' | 'resumedBytes'>;

async function receiveInto(
  messages: MessageStream,
  place: Destination,
  offer: FileOffer,
  options: ReceiveFileOptions,
): Promise<Received> {
  messages.throwIfFailed();
  const sink = await place.open(offer.name, offer.sizeBytes);
  let received: Omit<Received, 'path'>;
  try {
    received = await receiveBytes(messages, sink, offer, options.onProgress);
    messages.throwIfFailed();
  } catch (error) {
    await (isWrongHash(error) ? sink.discard() : sink.keep());
    throw error;
  }
  const path = await store(sink);
  await confirm(messages, received.sha256);
  return { ...received, path };
}

async function receiveBytes(
  messages: MessageStream,
  sink: Sink,
  offer: FileOffer,
  onProgress: ReceiveFileOptions['onProgress'],
): Promise<Omit<Received, 'path'>> {
  const { sizeBytes } = offer;
  const report = (receivedBytes: number) =>
    callApplication('onProgress', () => onProgress?.({ receivedBytes, sizeBytes }));

  const held = await sink.hashHeld(() => messages.throwIfFailed());
  await messages.writeControl({ offset: sink.heldBytes, sha256: held.digest() });
  const offset = readStart(await messages.nextControl(), sink.heldBytes);
  if (offset > sizeBytes) throw brokenWire('the sender goes on behind the end of its file');
  await sink.startAt(offset);
  const hasher = offset === sink.heldBytes ? held : new Hasher();

  await report(offset);
  for (let at = offset; at < sizeBytes; ) {
    const message = await messages.next();
    if (!('bytes' in message)) throw brokenWire(`the sender ended its file of ${sizeBytes} bytes after ${at}`);
    at += message.bytes.length;
    if (at > sizeBytes) throw brokenWire(`the sender sent more than the ${sizeBytes} bytes of its file`);
    hasher.update(message.bytes);
    await sink.write(message.bytes);
    await report(at);
  }

  const sha256 = hasher.digest();
  const message = await messages.next();
  if (!('control' in message)) throw brokenWire(`the sender sent more than the ${sizeBytes} bytes of its file`);
  if (readTrailer(message.control) !== sha256) throw brokenWire('the bytes that came are not those sent', WRONG_HASH);
  return { sha256, resumedBytes: offset };
}

const WRONG_HASH = 'WRONG_HASH';

function isWrongHash(error: unknown): boolean {
  return error instanceof TrunklineError && error.appCode === WRONG_HASH;
}

async function store(sink: Sink): Promise<string | undefined> {
  try {
    return await sink.store();
  } catch (error) {
    await sink.keep();
    throw error;
  }
}

/** The file is there, whether the sender learns it or not. */
async function confirm(messages: MessageStream, sha256: string): Promise<void> {
  try {
    await messages.writeControl({ stored: true, sha256 });
  } catch (error) {
    if (!(error instanceof TrunklineError)) throw error;
  }
}
