import { setTimeout } from 'node:timers/promises';
import type { Line } from '../carriers/carrier.js';
import { openCounted } from './counted-stream.js';
import { writeAll } from './source.js';

const POLL_MS = 50;

export interface UnreadArguments {
  writeBytes: number;
  /** Nothing was accepted for so long: the sender is held back. */
  quietMs: number;
  /** No bound: it would have gone on. */
  limitBytes: number;
}

/** Writes to a reader that never reads, until it is held back. The stream stays open, full. */
export async function fillUnread(
  line: Line,
  { writeBytes, quietMs, limitBytes }: UnreadArguments,
): Promise<{ acceptedBytes: number }> {
  const { stream } = await openCounted(line, { kind: 'never-read' });
  let acceptedBytes = 0;
  let acceptedAt = performance.now();
  let isOver = false;
  let failure: Error | undefined;
  // Waits for a drain that does not come, and at last for the end of its processes.
  writeAll(stream, {
    writeBytes,
    isDone: (sent) => sent >= limitBytes,
    onChunk: (chunk) => {
      acceptedBytes += chunk.length;
      acceptedAt = performance.now();
    },
  }).catch((error: Error) => {
    if (!isOver) failure = error;
  });
  while (performance.now() - acceptedAt < quietMs && acceptedBytes < limitBytes) {
    await setTimeout(POLL_MS);
    if (failure) throw failure;
  }
  isOver = true;
  return { acceptedBytes };
}
