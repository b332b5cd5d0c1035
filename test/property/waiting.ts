import type { SimulatedNetwork } from '../support/simulated-network.js';
import type { ModelStream } from './model-stream.js';

/** Beyond this, nothing that is over for both applications is remembered by either side. */
export const LINGER_MS = 40_000;
/** Longer than the slowest network takes for all that was written. */
const PATIENCE_MS = 1_000_000;
const SLICE_MS = 10_000;

/** Until nobody holds a stream any more, or patience is over. */
export function waitForStreams(network: SimulatedNetwork, streams: () => readonly ModelStream[]): void {
  for (let left = PATIENCE_MS; left > 0 && streams().some(({ isLive }) => isLive); left -= SLICE_MS)
    network.elapse(SLICE_MS);
}
