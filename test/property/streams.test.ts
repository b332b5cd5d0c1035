import fc from 'fast-check';
import { test } from 'vitest';
import { announce, PROPERTY_RUNS, PROPERTY_SEED } from './settings.js';
import { World, type WorldOptions } from './world.js';

/** Numbers choose among what exists when the operation's turn comes: any list of operations makes sense, also a part of one. */
type Operation = { kind: Kind; chooser: number; other: number; bytes: number; steps: number };

const WEIGHTS = {
  connect: 6,
  accept: 6,
  refuse: 1,
  write: 12,
  read: 6,
  flow: 3,
  pause: 2,
  end: 4,
  destroy: 2,
  endListener: 1,
  listen: 1,
  closeTunnel: 1,
  idle: 4,
} as const;
type Kind = keyof typeof WEIGHTS;

const MAX_STREAMS = 20;

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.oneof(
    ...Object.entries(WEIGHTS).map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind as Kind) })),
  ),
  chooser: fc.nat(1000),
  other: fc.nat(1000),
  /** Thousandths of the window: up to several windows. */
  bytes: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 1200 }) }, { weight: 1, arbitrary: fc.nat(5000) }),
  steps: fc.nat(30),
});

const worldOptions: fc.Arbitrary<WorldOptions> = fc
  .record({
    seed: fc.integer({ min: 0, max: 0x7fff_ffff }),
    relays: fc.integer({ min: 1, max: 2 }),
    tunnelsPerRelay: fc.integer({ min: 2, max: 3 }),
    windowBytes: fc.constantFrom(64, 1000, 4096, 30_000),
    growth: fc.constantFrom(1, 4),
    earlyWindowBytes: fc.constantFrom(0, 100, 4096),
    maxFrameBytes: fc.constantFrom(1024, 16 * 1024, 64 * 1024),
    egressBytes: fc.constantFrom(500, 8192, 1024 * 1024),
    maxPendingConnects: fc.constantFrom(1, 3, 32),
    delayMs: fc.constantFrom<readonly [number, number]>([0, 0], [1, 1], [0, 200]),
    bufferBytes: fc.constantFrom(1, 5000, 128 * 1024),
    stallChance: fc.constantFrom(0, 0.05, 0.5),
    resumeWindowMs: fc.constantFrom(0, 120_000),
  })
  .map(({ windowBytes, growth, delayMs, bufferBytes, stallChance, ...rest }) => ({
    ...rest,
    window: { windowBytes, maxWindowBytes: windowBytes * growth },
    conditions: { delayMs, bufferBytes, stallChance, stallMs: [1, 500] as const },
  }));

function perform(world: World, { kind, chooser, other, bytes }: Operation): void {
  const tunnel = world.tunnels[chooser % world.tunnels.length]!;
  const stream = world.streams[chooser % Math.max(1, world.streams.length)];
  const count = Math.ceil((bytes * world.options.window.windowBytes) / 1000);
  switch (kind) {
    case 'connect': {
      const peers = world.tunnels.filter(({ relayIndex }) => relayIndex === tunnel.relayIndex);
      // Two ends each.
      if (world.streams.length < 2 * MAX_STREAMS)
        world.connect(tunnel, peers[other % peers.length]!, other % 3 === 0 ? 30_000 : 0);
      return;
    }
    case 'accept': {
      const asked = world.tunnels.filter(({ offers }) => offers.length > 0);
      if (asked.length > 0) world.accept(asked[chooser % asked.length]!);
      return;
    }
    case 'refuse':
      return world.refuse(tunnel);
    case 'write':
      return stream?.write(count);
    case 'read':
      return stream?.read(count);
    case 'flow':
    case 'pause':
      if (!stream) return;
      stream.isPaused = kind === 'pause';
      if (kind === 'flow') stream.read(Number.POSITIVE_INFINITY);
      return;
    case 'end':
      return stream?.end();
    case 'destroy':
      return stream?.destroy();
    case 'listen':
      return world.listen(tunnel);
    case 'endListener':
      return world.endListener(tunnel);
    case 'closeTunnel':
      // Rare: with everything closed nothing can go wrong any more.
      if (other % 4 === 0) world.closeTunnel(tunnel);
      return;
    case 'idle':
      return;
  }
}

function run(options: WorldOptions, operations: readonly Operation[]): void {
  const world = new World(options).start();
  for (const operation of operations) {
    perform(world, operation);
    world.observe();
    world.network.steps(operation.steps);
  }
  world.finish();
  world.tearDown();
}

test('whatever applications do, in whatever order messages come, every stream keeps its word', {
  timeout: 3_600_000,
}, () => {
  announce('stream properties', PROPERTY_RUNS);
  fc.assert(fc.property(worldOptions, fc.array(operation, { minLength: 5, maxLength: 120, size: 'max' }), run), {
    numRuns: PROPERTY_RUNS,
    seed: PROPERTY_SEED,
    endOnFailure: true,
  });
});
