import { describe, expect, test } from 'vitest';
import { FairShare } from '../../relay/fair-share.js';
import { type LimitedPeer, LimitedRelay } from './limited-peer.js';

const OWNER = { owner: 'mine' };

describe('what gives way', () => {
  test('is the last of the source that has most', () => {
    const share = new FairShare<string>();
    for (const item of ['a1', 'b1', 'a2', 'b2', 'b3']) share.add(item[0], item);
    expect(share.rivalOf('c')).toBe('b3');
    share.delete('b', 'b3');
    share.delete('b', 'b2');
    expect(share.rivalOf('c')).toBe('a2');
  });

  test('is nothing when the newcomer would have as many', () => {
    const share = new FairShare<string>();
    expect(share.rivalOf('a')).toBeUndefined();
    for (const item of ['a1', 'a2', 'b1']) share.add(item[0], item);
    expect([share.rivalOf('a'), share.rivalOf('b'), share.rivalOf('c')]).toEqual([undefined, undefined, 'a2']);
    share.delete('a', 'a2');
    expect(share.rivalOf('c')).toBeUndefined();
  });
});

describe('names that are kept', () => {
  /** A listener of so many names, whose connection was lost. */
  function loseNames(relay: LimitedRelay, address: string, prefix: string, count: number): void {
    const listener = relay.peer(address);
    for (let index = 0; index < count; index++) listener.listen(`${prefix}${index}`, OWNER);
    listener.lose();
  }

  test('for listeners of one address, as many as there may be, leave room for everybody else’s', () => {
    const relay = new LimitedRelay({ limits: { maxReservedNames: 32 } });
    for (const prefix of ['x', 'y']) loseNames(relay, '192.0.2.1', prefix, 16);
    loseNames(relay, '192.0.2.2', 'honest', 2);
    expect(relay.core.names).toEqual(expect.arrayContaining(['honest0', 'honest1', 'x0', 'y13']));
    expect(relay.core.stats.names).toMatchObject({ active: 32, reserved: 32 });

    const stranger = relay.peer('192.0.2.1');
    const squat = stranger.listen('honest0', { owner: 'theirs' });
    expect(stranger.told()).toEqual([`RESET ${squat} NAME_TAKEN`]);
    const [back, other] = [relay.peer('192.0.2.2'), relay.peer('192.0.2.3')];
    back.listen('honest0', OWNER);
    // What gave way is anybody's.
    other.listen('y15');
    for (const peer of [back, other]) expect(peer.told()[0]).toMatch(/^ACCEPT/);
  });

  test('give way to none of a source that has as many: the newcomer’s is free at once', () => {
    const relay = new LimitedRelay({ limits: { maxReservedNames: 4 } });
    loseNames(relay, '192.0.2.1', 'a', 2);
    loseNames(relay, '192.0.2.2', 'b', 2);
    loseNames(relay, '192.0.2.1', 'c', 1);
    expect(relay.core.names).toEqual(['a0', 'a1', 'b0', 'b1']);
    loseNames(relay, '192.0.2.3', 'd', 2);
    expect(relay.core.names).toEqual(['a0', 'b0', 'b1', 'd0']);
    expect(relay.core.stats.names).toMatchObject({ active: 4, reserved: 4 });
  });

  test('expire when they would have, whoever gave way before', () => {
    const relay = new LimitedRelay({ limits: { maxReservedNames: 2 }, resumeWindowMs: 1000 });
    loseNames(relay, '192.0.2.1', 'a', 2);
    relay.pass(500);
    loseNames(relay, '192.0.2.2', 'b', 1);
    relay.pass(500);
    expect(relay.core.names).toEqual(['b0']);
    relay.pass(500);
    expect([relay.core.names, relay.core.nextDeadline()]).toEqual([[], Number.POSITIVE_INFINITY]);
  });

  test('a client of a name that gave way waits for its listener, until it would have', () => {
    const relay = new LimitedRelay({ limits: { maxReservedNames: 2 }, resumeWindowMs: 1000 });
    loseNames(relay, '192.0.2.1', 'a', 2);
    const client = relay.peer('192.0.2.4');
    const [, late] = [client.connect('a0'), client.connect('a1')];
    loseNames(relay, '192.0.2.2', 'b', 1);
    expect(client.told()).toEqual([]);
    const back = relay.peer('192.0.2.1');
    back.listen('a1', { ...OWNER, claim: 1 });
    const [offer] = back.offers();
    if (offer) back.accept(offer);
    expect(client.told()).toEqual([`ACCEPT ${late} ${1_000_000}`]);
  });
});

describe('watches', () => {
  const watch = (peer: LimitedPeer) => peer.open({ kind: 'watch', pattern: '*' });
  const refusedOf = (peer: LimitedPeer) => peer.told().filter((line) => line.endsWith('LIMIT_STREAMS'));
  const start = (maxWatches: number) =>
    new LimitedRelay({ authorize: () => true, limits: { maxWatches, maxWatchesPerTunnel: 4 } });

  test('of one address, as many as there may be, leave room for everybody else’s', () => {
    const relay = start(8);
    const attackers = [1, 2].map(() => relay.peer('192.0.2.1'));
    const ids = attackers.map((attacker) => [1, 2, 3, 4].map(() => watch(attacker)));
    expect(attackers.map(refusedOf)).toEqual([[], []]);
    const honest = relay.peer('192.0.2.2');
    const id = watch(honest);
    expect(honest.told()[0]).toBe(`ACCEPT ${id} 262144`);
    expect(attackers.map(refusedOf)).toEqual([[], [`RESET ${ids[1]?.[3]} LIMIT_STREAMS`]]);
    // One more of the same source makes nobody give way, and what gave way is told of nothing.
    const again = watch(attackers[1] as LimitedPeer);
    expect(attackers[1]?.told()).toEqual([`RESET ${again} LIMIT_STREAMS`]);
    expect(relay.core.stats.refusals).toEqual({ LIMIT_STREAMS: 2 });
    relay.peer('192.0.2.3').listen('n');
    expect(attackers.map((attacker) => attacker.told().length)).toEqual([4, 3]);
    expect(honest.told()).toHaveLength(1);
  });

  test('of one tunnel have a limit of their own, and one that ends makes room for another', () => {
    const relay = start(100);
    const peer = relay.peer();
    const ids = [1, 2, 3, 4, 5].map(() => watch(peer));
    expect(refusedOf(peer)).toEqual([`RESET ${ids[4]} LIMIT_STREAMS`]);
    peer.cancel(ids[0] ?? 0);
    watch(peer);
    expect(refusedOf(peer)).toEqual([]);
  });
});
