import { SeededRandom } from '../support/seeded-random.js';
import { type AcceptorFault, AcceptorFaults } from './acceptor-faults.js';
import { AcceptorWorld, type AcceptorWorldOptions } from './acceptor-world.js';
import type { FaultCounts } from './faults.js';
import { drawConditions, LONG_WINDOW_MS, pass, SHORT_WINDOW_MS, useStream } from './scenario.js';
import { outcomeOf, type StreamsOutcome } from './seed-outcome.js';

const FAULTS_PER_SEED = 64;
const MAX_STREAMS = 20;
/** Ids that begin just below where a number may change its nature. */
const FIRST_IDS = [1, 2 ** 8 - 7, 2 ** 16 - 7, 2 ** 24 - 7, 2 ** 31 - 7];

export interface AcceptorOutcome extends StreamsOutcome {
  faults: FaultCounts<AcceptorFault>;
  openedByDialer: number;
  openedByAcceptor: number;
}

function optionsOf(seed: number, random: SeededRandom): AcceptorWorldOptions {
  const windowBytes = random.pick([64, 500, 1000, 4096]);
  const isShort = random.chance(0.15);
  const windowMs = () => (isShort ? random.integer(3000, SHORT_WINDOW_MS) : LONG_WINDOW_MS);
  // One of the two, or both, keep nothing.
  const forgets = random.chance(0.1) ? random.integer(1, 3) : 0;
  return {
    seed,
    tunnels: random.integer(1, 3),
    window: { windowBytes, maxWindowBytes: windowBytes * random.pick([1, 4]) },
    earlyWindowBytes: random.pick([0, 100, 4096]),
    maxFrameBytes: random.pick([1024, 16 * 1024]),
    maxStreams: random.pick([2, 64, 64, 64]),
    conditions: drawConditions(random),
    dialerWindowMs: forgets & 1 ? 0 : windowMs(),
    acceptorWindowMs: forgets & 2 ? 0 : windowMs(),
    heartbeat: { intervalMs: 4000, timeoutMs: 3000 },
    decisionMs: random.pick<readonly [number, number]>([
      [0, 0],
      [0, 800],
    ]),
    firstLocalId: random.pick(FIRST_IDS),
    mode: random.pick(['multi', 'multi', 'multi', 'multi', 'stream']),
  };
}

/** Everything that one seed makes happen. @throws Violation */
export function runAcceptorSeed(seed: number): AcceptorOutcome {
  const random = new SeededRandom(seed);
  const world = new AcceptorWorld(optionsOf(seed, random.fork()));
  // In half of all seeds nobody forgets anything, so that nothing at all may fail.
  const faults = new AcceptorFaults(world, random.fork(), random.chance(0.5));
  const mayClose = random.chance(0.2);
  for (let count = 0; count < FAULTS_PER_SEED; count++) {
    use(world, random, mayClose);
    pass(world.network, random);
    faults.inject();
    world.observe();
  }
  world.calm();
  world.finish();
  world.tearDown();
  return {
    faults: faults.totals,
    openedByDialer: world.openedBy.dialer,
    openedByAcceptor: world.openedBy.acceptor,
    ...outcomeOf([...world.streams, ...world.vanished]),
  };
}

/** What the applications of both sides do between two faults. */
function use(world: AcceptorWorld, random: SeededRandom, mayClose: boolean): void {
  const { ends, streams } = world;
  for (const end of ends) {
    while (end.unanswered.length > 0 && random.chance(0.8)) {
      if (random.chance(0.05)) world.refuse(end);
      else world.accept(end);
    }
    if (streams.filter(({ isLive }) => isLive).length < MAX_STREAMS && random.chance(0.25)) world.open(end);
    if (mayClose && random.chance(0.003)) world.close(end);
  }
  // One that failed at once has said so before anything else is done to it.
  world.observe();
  const { windowBytes } = world.options.window;
  for (const stream of streams)
    if (stream.isLive && stream.core.currentPhase !== 'incoming') useStream(stream, windowBytes, 0.03, random);
}
