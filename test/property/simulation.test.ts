import { describe, expect, test } from 'vitest';
import { TrunklineError } from '../../src/protocol/errors.js';
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
  const world = new World({ ...OPTIONS, seed }).start();
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
  const world = new World(OPTIONS).start();
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
  const world = new World(OPTIONS).start();
  world.network.settle();
  const [link] = world.network.openLinks;
  for (const tunnel of world.tunnels) tunnel.hasClosed = true;
  link!.up.isBlackHole = true;
  world.network.elapse(44_000);
  expect([link!.dialer.hasEnded, link!.acceptor.hasEnded]).toEqual([false, false]);
  world.network.elapse(46_000);
  expect([link!.dialer.hasEnded, link!.acceptor.endReason?.code]).toEqual([true, 'CONNECTION_LOST']);
});

describe('a connection that is torn', () => {
  function torn(first: 'dialer' | 'acceptor') {
    const world = new World(OPTIONS).start();
    world.network.settle();
    const link = world.network.openLinks[0]!;
    for (const tunnel of world.tunnels) tunnel.hasClosed = true;
    link.tear(first, 3000);
    return { world, link };
  }

  test.each([
    ['dialer', 'acceptor'],
    ['acceptor', 'dialer'],
  ] as const)('is known to the %s now, and to the %s later', (first, other) => {
    const { world, link } = torn(first);
    expect([link[first].hasEnded, link[other].hasEnded]).toEqual([true, false]);
    world.network.elapse(2999);
    expect(link[other].hasEnded).toBe(false);
    world.network.elapse(1);
    expect([link[other].endReason?.code, link.isClosed]).toEqual(['CONNECTION_LOST', true]);
  });

  test('carries nothing from the one who does not know', () => {
    const { world, link } = torn('acceptor');
    const stream = world.tunnels[0]!.core.open({ kind: 'connect', name: 'n1', waitMs: 1000 }, null);
    world.network.elapse(2999);
    expect([link.up.isEmpty, stream.currentPhase, world.tunnels[1]!.offers]).toEqual([true, 'opening', []]);
  });
});

test('the end of one side of a connection that is dead both ways is not the end of the other', () => {
  const world = new World(OPTIONS).start();
  world.network.settle();
  const link = world.network.openLinks[0]!;
  for (const tunnel of world.tunnels) tunnel.hasClosed = true;
  for (const pipe of [link.up, link.down]) pipe.swallow();
  link.dialer.fail(new TrunklineError('TUNNEL_CLOSED'));
  world.network.settle();
  expect([link.dialer.hasEnded, link.acceptor.hasEnded]).toEqual([true, false]);
  world.network.elapse(46_000);
  expect([link.acceptor.endReason?.code, link.isClosed]).toEqual(['CONNECTION_LOST', true]);
});
