import type { ByteStream, Line } from '../carriers/carrier.js';
import { inBatches } from './batches.js';
import { openAndEcho } from './opening.js';

const STREAMS_AT_ONCE = 250;
const TUNNELS_AT_ONCE = 50;

interface Held {
  stream: ByteStream;
  /** Its own, if it is not the line of all. */
  line?: Line;
}

const held: Held[] = [];

/** Opens streams that have had one echo each and then stay idle; answers with the time until the last echo. */
export function holdStreams(line: Line, { count }: { count: number }): Promise<{ ms: number }> {
  return hold(count, STREAMS_AT_ONCE, async () => ({ stream: await openAndEcho(line) }));
}

/** The same with a line for each stream. */
export function holdTunnels(line: Line, { count }: { count: number }): Promise<{ ms: number }> {
  return hold(count, TUNNELS_AT_ONCE, async () => {
    const own = await line.another();
    return { stream: await openAndEcho(own), line: own };
  });
}

async function hold(count: number, atOnce: number, open: () => Promise<Held>): Promise<{ ms: number }> {
  const started = performance.now();
  held.push(...(await inBatches(count, atOnce, open)));
  return { ms: performance.now() - started };
}

/** Resolves when all that was held is closed. */
export async function releaseAll(): Promise<{ count: number }> {
  const released = held.splice(0);
  await Promise.all(
    released.map(async ({ stream, line }) => {
      await stream.close();
      await line?.close();
    }),
  );
  return { count: released.length };
}
