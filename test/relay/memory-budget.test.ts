import { describe, expect, test } from 'vitest';
import { MemoryBudget } from '../../relay/memory-budget.js';
import { encodeDetach, encodeGoaway, encodePing, encodeRefuse } from '../../src/protocol/encode.js';
import { dataFrame } from './core-peer.js';
import { joined, type LimitedPeer, LimitedRelay } from './limited-peer.js';

const KIB = 1024;

describe('what is held', () => {
  test('is what is counted and what is asked for, now and then', () => {
    let [now, elsewhere, asked] = [0, 7, 0];
    const memory = new MemoryBudget(
      1000,
      () => now,
      () => {
        asked++;
        return elsewhere;
      },
    );
    memory.add(100);
    memory.add(-30);
    expect(memory.heldBytes).toBe(77);
    elsewhere = 9;
    now = 249;
    expect(memory.heldBytes).toBe(77);
    now = 250;
    expect([memory.heldBytes, asked]).toEqual([79, 2]);
  });

  test('shrinks what is granted from half of the budget on, and never to nothing', () => {
    const memory = new MemoryBudget(1_000_000, () => 0);
    const shareAt = (held: number) => {
      memory.add(held - memory.heldBytes);
      return memory.shareOf(100_000);
    };
    expect([0, 500_000, 750_000, 990_000, 999_999, 2_000_000].map(shareAt)).toEqual([
      100_000, 100_000, 50_000, 2000, 1024, 1024,
    ]);
    expect(shareAt(100)).toBe(100_000);
    expect(memory.shareOf(10)).toBe(10);
  });

  test('refuses tunnels near the end of it, and says so past it', () => {
    const memory = new MemoryBudget(1000, () => 0);
    let overflows = 0;
    memory.onOverflow = () => overflows++;
    memory.add(899);
    expect(memory.takesTunnels).toBe(true);
    memory.add(1);
    expect(memory.takesTunnels).toBe(false);
    memory.add(100);
    expect([memory.isOver, overflows]).toEqual([false, 0]);
    memory.add(1);
    expect([memory.isOver, overflows]).toEqual([true, 1]);
    memory.add(-1);
    expect([memory.isOver, overflows]).toEqual([false, 1]);
  });
});

/** Streams of one client to a listener, of which nothing is read: each holds what it was granted. */
class Stalled {
  readonly relay: LimitedRelay;
  readonly listener: LimitedPeer;
  readonly client: LimitedPeer;

  constructor(memoryBytes: number, egressBytes = 4 * 1024 * KIB) {
    this.relay = new LimitedRelay({ limits: { memoryBytes, egressBytes } });
    this.listener = this.relay.peer('192.0.2.9');
    this.listener.listen('n');
    this.client = this.relay.peer('192.0.2.1');
    this.listener.frames();
  }

  /** A stream whose client sends all that it may. */
  stream(from = this.client): number {
    return joined(this.listener, from, 'n').connected;
  }

  /** Until the relay holds about that much; in frames that no sink takes. */
  fill(bytes: number, id: number, from = this.client): void {
    for (let sent = 0; sent < bytes && !from.connection.hasEnded; sent += 32 * KIB)
      from.send(dataFrame(id, new Uint8Array(32 * KIB)));
  }
}

describe('at a relay', () => {
  test('payload that waits is held, and is not when it has left, or its stream is over', () => {
    const world = new Stalled(1024 * KIB);
    const { relay, listener, client } = world;
    const held = () => relay.core.heldBytes;
    const [one, two] = [world.stream(), world.stream()];
    expect(held()).toBe(0);
    client.send(dataFrame(one, new Uint8Array(20_000)), dataFrame(two, new Uint8Array(10_000)));
    relay.pass(1000);
    expect(held()).toBeGreaterThanOrEqual(30_000);
    client.cancel(two);
    listener.frames();
    client.frames();
    relay.pass(1000);
    expect(held()).toBe(0);
    client.send(dataFrame(one, new Uint8Array(20_000)));
    relay.pass(1000);
    expect(held()).toBeGreaterThanOrEqual(20_000);
    client.lose();
    listener.frames();
    relay.pass(1000);
    expect(held()).toBe(0);
  });

  test.each<[string, (world: Stalled, id: number) => void]>([
    [
      'refused',
      ({ listener }) => {
        for (const { id } of listener.offers()) listener.send(encodeRefuse(1, { id, code: 'REFUSED', reason: 'busy' }));
      },
    ],
    ['not answered', ({ relay }) => relay.pass(60_000)],
    ['reset', ({ client }, id) => client.cancel(id)],
    ['detached', ({ client }, id) => client.send(encodeDetach(id, { code: 'CANCELED', reason: '' }))],
    ['cut off with its client', ({ client }) => client.lose()],
    ['left by its listener', ({ listener }) => listener.lose()],
  ])('what came early with a connect that is %s is held no more', (_what, end) => {
    const world = new Stalled(1024 * KIB);
    const { relay, client } = world;
    const id = client.connect('n');
    client.send(dataFrame(id, new Uint8Array(5000)));
    expect(relay.core.heldBytes).toBeGreaterThanOrEqual(5000);
    end(world, id);
    client.frames();
    world.listener.frames();
    relay.pass(1000);
    expect(relay.core.heldBytes).toBe(0);
  });

  test('when much is held, new streams are granted less; and as before once it has left', () => {
    const world = new Stalled(1024 * KIB, 1000 * KIB);
    const reader = world.relay.peer('192.0.2.8');
    reader.listen('read');
    const grant = () => {
      const client = world.relay.peer('192.0.2.2');
      const id = client.connect('read');
      for (const offer of reader.offers()) reader.accept(offer);
      const credits = client.frames().flatMap((frame) => (frame.type === 'ACCEPT' ? [frame.accept.credit] : []));
      client.cancel(id);
      reader.frames();
      client.lose();
      return credits;
    };
    const [usual = 0] = grant();
    expect(usual).toBe(500 * KIB);
    const id = world.stream();
    world.fill(416 * KIB, id);
    world.relay.pass(1000);
    expect(grant()).toEqual([usual]);
    // Held by somebody else, who reads nothing either.
    const other = world.relay.peer('192.0.2.4');
    other.listen('other');
    other.frames();
    const sender = world.relay.peer('192.0.2.3');
    world.fill(384 * KIB, joined(other, sender, 'other').connected, sender);
    world.relay.pass(1000);
    const [less = 0] = grant();
    expect(less).toBeGreaterThan(0);
    expect(less).toBeLessThan(usual / 2);
    other.frames();
    world.listener.frames();
    world.relay.pass(1000);
    expect(grant()).toEqual([usual]);
  });

  test('near the end of it no new tunnel is taken: it is told when to come back, and then comes in', () => {
    const world = new Stalled(512 * KIB);
    const id = world.stream();
    world.fill(480 * KIB, id);
    world.relay.pass(1000);
    const late = world.relay.peer('192.0.2.7');
    expect(late.hello).toMatchObject([{ type: 'GOAWAY', error: { code: 'LIMIT_RATE' } }]);
    expect(late.connection.endReason?.retryAfterMs).toBeGreaterThanOrEqual(5000);
    expect(world.relay.ends).toEqual({ LIMIT_RATE: 1 });
    world.listener.frames();
    world.relay.pass(1000);
    expect(world.relay.peer('192.0.2.7').hello).toMatchObject([{ type: 'WELCOME' }]);
  });

  test('past it who takes least of what is sent to it is cut, and nobody else', () => {
    const world = new Stalled(768 * KIB);
    const reader = world.relay.peer('192.0.2.8');
    reader.listen('read');
    reader.frames();
    const id = world.stream();
    const other = world.relay.peer('192.0.2.2');
    const { connected } = joined(reader, other, 'read');
    other.send(dataFrame(connected, new Uint8Array(60_000)));
    world.fill(640 * KIB, id);
    expect(world.relay.core.nextDeadline()).toBeGreaterThan(world.relay.clock.now);
    world.fill(96 * KIB, id);
    expect(world.relay.core.nextDeadline()).toBeLessThanOrEqual(world.relay.clock.now);
    world.relay.pass(0);
    expect(world.listener.isCut).toBe(true);
    expect([world.client, reader, other].map((peer) => peer.connection.hasEnded)).toEqual([false, false, false]);
    expect(reader.frames().filter(({ type }) => type === 'DATA')).toHaveLength(1);
    expect(world.relay.ends).toEqual({ LIMIT_RATE: 1 });
    expect(world.relay.core.nextDeadline()).toBeGreaterThan(world.relay.clock.now);
  });

  test('answers that nobody reads count as well', () => {
    const world = new Stalled(64 * KIB);
    for (let count = 0; count < 4000; count++) world.client.send(encodePing(new Uint8Array(8)));
    expect(world.client.isCut).toBe(true);
    const patient = new Stalled(16 * KIB);
    for (let count = 0; count < 950; count++) patient.client.send(encodePing(new Uint8Array(8)));
    patient.relay.pass(1000);
    expect(patient.relay.core.heldBytes).toBeGreaterThan(15_000);
    patient.client.send(encodeGoaway({ code: 'TUNNEL_CLOSED', reason: '' }));
    patient.relay.pass(1000);
    expect(patient.relay.core.heldBytes).toBe(0);
  });
});
