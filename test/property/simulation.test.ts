import { expect, test } from 'vitest';
import { World, type WorldOptions } from './world.js';

const OPTIONS: WorldOptions = {
  seed: 7,
  relays: 1,
  tunnelsPerRelay: 2,
  window: { windowBytes: 1000, maxWindowBytes: 1000 },
  earlyWindowBytes: 100,
  maxFrameBytes: 1024,
  egressBytes: 8192,
  maxPendingConnects: 32,
  conditions: { delayMs: [0, 50], bufferBytes: 2000, stallChance: 0.2, stallMs: [1, 100] },
};

/** Every step's time, and how many bytes had arrived where by then. */
function trace(seed: number): string[] {
  const world = new World({ ...OPTIONS, seed });
  const steps: string[] = [];
  const { afterStep } = world.network;
  world.network.afterStep = () => {
    afterStep();
    steps.push(`${world.clock.now()} ${world.streams.map(({ received }) => received)}`);
  };
  const [left, right] = world.tunnels;
  for (const [from, to] of [
    [left!, right!],
    [right!, left!],
  ] as const)
    world.connect(from, to, 1000)?.write(5000);
  world.finish();
  world.tearDown();
  return steps;
}

test('a seed replays exactly, another one runs differently', () => {
  expect(trace(7)).toEqual(trace(7));
  expect(trace(8)).not.toEqual(trace(7));
});

test('a cut ends both cores, and loses what was on its way', () => {
  const world = new World(OPTIONS);
  world.network.settle();
  const [link] = world.network.openLinks;
  for (const tunnel of world.tunnels) tunnel.hasClosed = true;
  link!.cut();
  expect([link!.dialer.endReason?.code, link!.acceptor.endReason?.code]).toEqual([
    'CONNECTION_LOST',
    'CONNECTION_LOST',
  ]);
  world.network.settle();
  expect(world.network.openLinks).toHaveLength(1);
});

test('one half of a connection may go dead: both sides find out by silence alone', () => {
  const world = new World(OPTIONS);
  world.network.settle();
  const [link] = world.network.openLinks;
  for (const tunnel of world.tunnels) tunnel.hasClosed = true;
  link!.up.isBlackHole = true;
  world.network.elapse(44_000);
  expect([link!.dialer.hasEnded, link!.acceptor.hasEnded]).toEqual([false, false]);
  world.network.elapse(46_000);
  expect([link!.dialer.hasEnded, link!.acceptor.endReason?.code]).toEqual([true, 'CONNECTION_LOST']);
});
