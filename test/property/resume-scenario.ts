import type { ErrorCode } from '../../src/protocol/codes.js';
import { SeededRandom } from '../support/seeded-random.js';
import { FAULTS, type Fault, FaultInjector } from './fault-injector.js';
import { Violation } from './model-stream.js';
import { ResumeWorld, type ResumeWorldOptions, SHORT_WINDOW_MS } from './resume-world.js';

/** Draws; about one in five finds nothing to break, so about a hundred faults come of them. */
const FAULTS_PER_SEED = 128;
const MAX_STREAMS = 10;
const MAX_FAULT_GAP_MS = 1500;

export interface Outcome {
  faults: Record<Fault, number>;
  streams: number;
  bytes: number;
  suspensions: number;
  finished: number;
  failed: Partial<Record<ErrorCode, number>>;
}

function optionsOf(seed: number, random: SeededRandom): ResumeWorldOptions {
  const windowBytes = random.pick([64, 500, 1000, 4096]);
  return {
    seed,
    relays: random.integer(1, 2),
    tunnelsPerRelay: random.integer(1, 2),
    window: { windowBytes, maxWindowBytes: windowBytes * random.pick([1, 4]) },
    earlyWindowBytes: random.pick([0, 100, 4096]),
    maxFrameBytes: random.pick([1024, 16 * 1024]),
    egressBytes: random.pick([500, 8192, 1024 * 1024]),
    maxPendingConnects: random.pick([1, 3, 32]),
    conditions: {
      delayMs: random.pick<readonly [number, number]>([
        [0, 0],
        [1, 1],
        [0, 200],
      ]),
      bufferBytes: random.pick([1, 5000, 128 * 1024]),
      stallChance: random.pick([0, 0.05, 0.3]),
      stallMs: [1, 500],
    },
    // Longer than everything that goes wrong takes together, in most seeds: then nothing may fail.
    resumeWindowMs: random.chance(0.8) ? 300_000 : random.integer(3000, SHORT_WINDOW_MS),
    acceptTimeoutMs: random.pick([30_000, 1_000_000]),
    heartbeat: { intervalMs: 4000, timeoutMs: 3000 },
  };
}

/** Everything that one seed makes happen. @throws Violation */
export function runSeed(seed: number): Outcome {
  const random = new SeededRandom(seed);
  const world = new ResumeWorld(optionsOf(seed, random.fork())).start();
  const injector = new FaultInjector(world, random.fork());
  for (let count = 0; count < FAULTS_PER_SEED; count++) {
    use(world, random);
    pass(world, random);
    injector.advance();
    injector.inject();
    world.observe();
  }
  injector.finish();
  world.calm();
  world.finish();
  world.checkPairs();
  world.tearDown();
  const { streams } = world;
  return {
    faults: injector.totals,
    streams: streams.length,
    bytes: streams.reduce((sum, { received }) => sum + received, 0),
    suspensions: streams.reduce((sum, { suspensions }) => sum + suspensions, 0),
    finished: streams.filter(({ life }) => life === 'closed').length,
    failed: count(streams.flatMap(({ failure }) => (failure ? [failure.code] : []))),
  };
}

function count(codes: readonly ErrorCode[]): Partial<Record<ErrorCode, number>> {
  const counts: Partial<Record<ErrorCode, number>> = {};
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

/** Steps, so that a fault finds messages half way; or time, so that what it broke is mended. */
function pass(world: ResumeWorld, random: SeededRandom): void {
  if (random.chance(0.5)) world.network.steps(random.integer(1, 30));
  else world.network.elapse(random.integer(0, MAX_FAULT_GAP_MS));
}

/** What applications do between two faults. */
function use(world: ResumeWorld, random: SeededRandom): void {
  const { tunnels, streams } = world;
  for (const tunnel of tunnels) while (tunnel.offers.length > 0 && random.chance(0.9)) world.accept(tunnel);
  for (const tunnel of tunnels) world.listen(tunnel);
  world.observe();
  if (streams.length < 2 * MAX_STREAMS && random.chance(0.3))
    world.connect(random.pick(tunnels), random.pick(tunnels), world.options.resumeWindowMs);
  const { windowBytes } = world.options.window;
  for (const stream of streams) {
    if (!stream.isLive) continue;
    if (random.chance(0.5)) stream.write(random.integer(1, Math.min(2 * windowBytes, 1500)));
    if (random.chance(0.5)) stream.read(random.integer(1, 2 * windowBytes));
    if (random.chance(0.1)) stream.isPaused = !stream.isPaused;
    if (random.chance(0.02)) stream.end();
    if (random.chance(0.004)) stream.destroy();
  }
}

export function addUp(outcomes: readonly Outcome[]): Outcome {
  const sum = (pick: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + pick(outcome), 0);
  return {
    faults: Object.fromEntries(FAULTS.map((fault) => [fault, sum(({ faults }) => faults[fault])])) as Outcome['faults'],
    streams: sum(({ streams }) => streams),
    bytes: sum(({ bytes }) => bytes),
    suspensions: sum(({ suspensions }) => suspensions),
    finished: sum(({ finished }) => finished),
    failed: count(
      outcomes.flatMap(({ failed }) =>
        Object.entries(failed).flatMap(([code, times]) => Array<ErrorCode>(times).fill(code as ErrorCode)),
      ),
    ),
  };
}

/** The same, and whoever reads of a failure knows how to see it again. */
export function runNamedSeed(seed: number): Outcome {
  try {
    return runSeed(seed);
  } catch (error) {
    const { message } = error as Error;
    throw new Violation(`SEED=${seed}: ${message}`, { cause: error });
  }
}
