import type { SeededRandom } from '../support/seeded-random.js';
import type { Conditions, SimulatedNetwork } from '../support/simulated-network.js';
import type { ModelStream } from './model-stream.js';

/** Longer than everything that goes wrong takes together: where a window is as long, nothing may be lost to it. */
export const LONG_WINDOW_MS = 300_000;
/** Some of what goes wrong takes longer than this, and not for ever. */
export const SHORT_WINDOW_MS = 20_000;
const MAX_FAULT_GAP_MS = 1500;

export function drawConditions(random: SeededRandom): Conditions {
  return {
    delayMs: random.pick<readonly [number, number]>([
      [0, 0],
      [1, 1],
      [0, 200],
    ]),
    bufferBytes: random.pick([1, 5000, 128 * 1024]),
    stallChance: random.pick([0, 0.05, 0.3]),
    stallMs: [1, 500],
  };
}

/** Steps, so that a fault finds messages half way; or time, so that what it broke is mended. */
export function pass(network: SimulatedNetwork, random: SeededRandom): void {
  if (random.chance(0.5)) network.steps(random.integer(1, 30));
  else network.elapse(random.integer(0, MAX_FAULT_GAP_MS));
}

/** What an application does with a stream of its own between two faults. */
export function useStream(stream: ModelStream, windowBytes: number, endChance: number, random: SeededRandom): void {
  if (random.chance(0.5)) stream.write(random.integer(1, Math.min(2 * windowBytes, 1500)));
  if (random.chance(0.5)) stream.read(random.integer(1, 2 * windowBytes));
  if (random.chance(0.1)) stream.isPaused = !stream.isPaused;
  if (random.chance(endChance)) stream.end();
  if (random.chance(0.004)) stream.destroy();
}
