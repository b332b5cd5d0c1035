import { setTimeout } from 'node:timers/promises';

/** What a process uses. */
export interface Usage {
  /** Since its start. */
  cpuMs: number;
  rssBytes: number;
  /** Of JavaScript: objects and buffers. What the allocator keeps for later is not in it. */
  heapBytes: number;
}

/** V8 frees buffers in the background; what that frees goes at the second collection. */
const BETWEEN_COLLECTIONS_MS = 50;

/** With `collect`, after a garbage collection. */
export async function readUsage(collect: boolean): Promise<Usage> {
  if (collect) await collectGarbage();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { cpuMs: (user + system) / 1000, rssBytes: rss, heapBytes: heapUsed + external };
}

async function collectGarbage(): Promise<void> {
  if (globalThis.gc === undefined) throw new Error('the process was started without --expose-gc');
  globalThis.gc();
  await setTimeout(BETWEEN_COLLECTIONS_MS);
  globalThis.gc();
}
