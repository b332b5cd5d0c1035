import { SeededRandom } from '../support/seeded-random.js';
import type { FaultCounts } from './faults.js';
import { type ResumeFault, ResumeFaults } from './resume-faults.js';
import { ResumeWorld, type ResumeWorldOptions } from './resume-world.js';
import { drawConditions, LONG_WINDOW_MS, pass, SHORT_WINDOW_MS, useStream } from './scenario.js';
import { outcomeOf, type StreamsOutcome } from './seed-outcome.js';

/** Draws; about one in five finds nothing to break, so about a hundred faults come of them. */
const FAULTS_PER_SEED = 128;
const MAX_STREAMS = 10;

export interface ResumeOutcome extends StreamsOutcome {
  faults: FaultCounts<ResumeFault>;
  streams: number;
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
    conditions: drawConditions(random),
    // Long in most seeds: then nothing may fail.
    resumeWindowMs: random.chance(0.8) ? LONG_WINDOW_MS : random.integer(3000, SHORT_WINDOW_MS),
    acceptTimeoutMs: random.pick([30_000, 1_000_000]),
    heartbeat: { intervalMs: 4000, timeoutMs: 3000 },
  };
}

/** Everything that one seed makes happen. @throws Violation */
export function runResumeSeed(seed: number): ResumeOutcome {
  const random = new SeededRandom(seed);
  const world = new ResumeWorld(optionsOf(seed, random.fork())).start();
  const faults = new ResumeFaults(world, random.fork());
  for (let count = 0; count < FAULTS_PER_SEED; count++) {
    use(world, random);
    pass(world.network, random);
    faults.advance();
    faults.inject();
    world.observe();
  }
  faults.finish();
  world.calm();
  world.finish();
  world.checkPairs();
  world.tearDown();
  return { faults: faults.totals, streams: world.streams.length, ...outcomeOf(world.streams) };
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
  for (const stream of streams) if (stream.isLive) useStream(stream, windowBytes, 0.02, random);
}
