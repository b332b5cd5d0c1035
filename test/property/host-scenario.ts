import type { ErrorCode } from '../../src/protocol/codes.js';
import { SeededRandom } from '../support/seeded-random.js';
import { HOST_FAULTS, type HostFault, HostFaults } from './host-faults.js';
import { SHORT_WINDOW_MS } from './host-stories.js';
import { HostWorld, type HostWorldOptions } from './host-world.js';
import { Violation } from './model-stream.js';

const FAULTS_PER_SEED = 64;
const MAX_STREAMS = 20;
const MAX_FAULT_GAP_MS = 1500;
/** Longer than everything that goes wrong takes together. */
const LONG_WINDOW_MS = 300_000;
/** Ids that begin just below where a number may change its nature. */
const FIRST_IDS = [1, 2 ** 8 - 7, 2 ** 16 - 7, 2 ** 24 - 7, 2 ** 31 - 7];

export interface HostOutcome {
  faults: Record<HostFault, number>;
  openedByDialer: number;
  openedByHost: number;
  bytes: number;
  suspensions: number;
  finished: number;
  failed: Partial<Record<ErrorCode, number>>;
}

function optionsOf(seed: number, random: SeededRandom): HostWorldOptions {
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
    dialerWindowMs: forgets & 1 ? 0 : windowMs(),
    hostWindowMs: forgets & 2 ? 0 : windowMs(),
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
export function runHostSeed(seed: number): HostOutcome {
  const random = new SeededRandom(seed);
  const world = new HostWorld(optionsOf(seed, random.fork()));
  // In half of all seeds nobody forgets anything, so that nothing at all may fail.
  const faults = new HostFaults(world, random.fork(), random.chance(0.5));
  const mayClose = random.chance(0.2);
  for (let count = 0; count < FAULTS_PER_SEED; count++) {
    use(world, random, mayClose);
    pass(world, random);
    faults.inject();
    world.observe();
  }
  world.calm();
  world.finish();
  world.tearDown();
  const streams = [...world.streams, ...world.vanished];
  return {
    faults: faults.totals,
    openedByDialer: world.openedBy.dialer,
    openedByHost: world.openedBy.host,
    bytes: streams.reduce((sum, { received }) => sum + received, 0),
    suspensions: streams.reduce((sum, { suspensions }) => sum + suspensions, 0),
    finished: streams.filter(({ life }) => life === 'closed').length,
    failed: countEach(streams.flatMap(({ failure }) => (failure ? [failure.code] : []))),
  };
}

/** Steps, so that a fault finds messages half way; or time, so that what it broke is mended. */
function pass(world: HostWorld, random: SeededRandom): void {
  if (random.chance(0.5)) world.network.steps(random.integer(1, 30));
  else world.network.elapse(random.integer(0, MAX_FAULT_GAP_MS));
}

/** What the applications of both sides do between two faults. */
function use(world: HostWorld, random: SeededRandom, mayClose: boolean): void {
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
  for (const stream of streams) {
    if (!stream.isLive || stream.core.currentPhase === 'incoming') continue;
    if (random.chance(0.5)) stream.write(random.integer(1, Math.min(2 * windowBytes, 1500)));
    if (random.chance(0.5)) stream.read(random.integer(1, 2 * windowBytes));
    if (random.chance(0.1)) stream.isPaused = !stream.isPaused;
    if (random.chance(0.03)) stream.end();
    if (random.chance(0.004)) stream.destroy();
  }
}

function countEach(codes: readonly ErrorCode[]): Partial<Record<ErrorCode, number>> {
  const counts: Partial<Record<ErrorCode, number>> = {};
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

export function addUpHosts(outcomes: readonly HostOutcome[]): HostOutcome {
  const sum = (pick: (outcome: HostOutcome) => number) => outcomes.reduce((total, one) => total + pick(one), 0);
  const codes = new Set(outcomes.flatMap(({ failed }) => Object.keys(failed) as ErrorCode[]));
  return {
    faults: Object.fromEntries(HOST_FAULTS.map((fault) => [fault, sum(({ faults }) => faults[fault])])) as Record<
      HostFault,
      number
    >,
    openedByDialer: sum(({ openedByDialer }) => openedByDialer),
    openedByHost: sum(({ openedByHost }) => openedByHost),
    bytes: sum(({ bytes }) => bytes),
    suspensions: sum(({ suspensions }) => suspensions),
    finished: sum(({ finished }) => finished),
    failed: Object.fromEntries([...codes].map((code) => [code, sum(({ failed }) => failed[code] ?? 0)])),
  };
}

/** The same, and whoever reads of a failure knows how to see it again. */
export function runNamedHostSeed(seed: number): HostOutcome {
  try {
    return runHostSeed(seed);
  } catch (error) {
    const { message } = error as Error;
    throw new Violation(`SEED=${seed}: ${message}`, { cause: error });
  }
}
