import type { TunnelStream } from '../../src/index.js';
import { Checksum, sameChecksum } from './checksum.js';
import { endingWith } from './failure-text.js';
import type { Saver } from './saver.js';
import { IncomingFile, TransferError } from './transfer-format.js';

export interface ReceiveSteps {
  onReceived(bytes: number): void;
  /** Every byte is here; it is being written out. */
  onSaving(): void;
}

export interface Checksums {
  sender: Uint8Array;
  receiver: Uint8Array;
}

/** Streams the file into `saver`, and keeps it only if it is whole and its checksum is the sender's. */
export async function receiveFile(
  stream: TunnelStream,
  size: number,
  saver: Saver,
  steps: ReceiveSteps,
): Promise<Checksums> {
  const incoming = new IncomingFile(size);
  const checksum = new Checksum();
  // The answer goes back after the last byte came, so the end of one direction must not close the other.
  const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  for await (const chunk of chunks) {
    const bytes = incoming.take(chunk);
    checksum.add(bytes);
    await saving(saver.write(bytes));
    steps.onReceived(incoming.receivedBytes);
  }
  const sums = { sender: incoming.finish(), receiver: checksum.finish() };
  steps.onSaving();
  if (!sameChecksum(sums.sender, sums.receiver)) {
    stream.end(sums.receiver);
    throw new TransferError('CHECKSUM_DIFFERS', 'the checksum of what arrived is not the one the sender computed');
  }
  await saving(saver.save());
  stream.end(sums.receiver);
  return sums;
}

/** A full disk, mostly. */
async function saving(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (cause) {
    throw endingWith('NOT_SAVED', 'the receiver could not save the file', cause);
  }
}
