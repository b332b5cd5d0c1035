import { describe, expect, test } from 'vitest';
import { FairPendingConnects } from '../../relay/fair-pending.js';
import type { PendingConnect } from '../../relay/pending-connects.js';
import type { ConnectionCore } from '../../src/core/connection.js';
import { type LimitedPeer, LimitedRelay } from './limited-peer.js';

/** Connections that say where they are from. */
const from = (address: string) => ({ address }) as unknown as ConnectionCore;
const fair = () => new FairPendingConnects((connection) => (connection as unknown as { address: string }).address);

function waiting(address: string, name = 'n'): PendingConnect {
  const leg = { connection: from(address) };
  return { kind: 'waiting', leg, open: {}, name, waitUntil: 1, deadline: 1 } as unknown as PendingConnect;
}

describe('who has to make room', () => {
  test('is the last of those who have most', () => {
    const all = fair();
    const [a1, b1, a2, b2, b3] = ['a', 'b', 'a', 'b', 'b'].map((address) => waiting(address)) as [
      PendingConnect,
      PendingConnect,
      PendingConnect,
      PendingConnect,
      PendingConnect,
    ];
    for (const each of [a1, b1, a2, b2, b3]) all.add(each);
    expect(all.rivalOf(from('c'), 'n')).toBe(b3);
    all.remove(b3);
    all.remove(b2);
    expect(all.rivalOf(from('c'), 'n')).toBe(a2);
  });

  test('is nobody when the newcomer would have as many', () => {
    const all = fair();
    for (const address of ['a', 'a', 'b']) all.add(waiting(address));
    expect(all.rivalOf(from('b'), 'n')).toBeUndefined();
    expect(all.rivalOf(from('a'), 'n')).toBeUndefined();
    expect(all.rivalOf(from('c'), 'n')).toBeDefined();
    const even = fair();
    for (const address of ['a', 'b']) even.add(waiting(address));
    expect(even.rivalOf(from('c'), 'n')).toBeUndefined();
  });

  test('is looked for under one name, or among all', () => {
    const all = fair();
    const [, m2] = [waiting('a', 'm'), waiting('a', 'm'), waiting('b', 'n')].map((each) => {
      all.add(each);
      return each;
    });
    expect(all.rivalOf(from('c'), 'n')).toBeUndefined();
    expect(all.rivalOf(from('c'))).toBe(m2);
  });
});

test('those that a listener has not answered are counted until they are removed, once', () => {
  const all = fair();
  const holder = { connection: from('l') };
  const offered = { ...waiting('a'), kind: 'offered', offerId: '1', holder } as unknown as PendingConnect;
  all.add(offered);
  all.add(waiting('a'));
  expect(all.countOfListener(holder.connection)).toBe(1);
  all.remove(offered);
  all.remove(offered);
  expect(all.countOfListener(holder.connection)).toBe(0);
});

describe('at a relay', () => {
  /** How many of the peer's connects are still unanswered. */
  const refusedOf = (peer: LimitedPeer) => peer.told().filter((line) => line.endsWith('LIMIT_STREAMS')).length;

  test('a flood of one address at a name leaves room for everybody else there', () => {
    const relay = new LimitedRelay({ limits: { maxPendingPerName: 64 } });
    const listener = relay.peer('192.0.2.9');
    listener.listen('victim');
    listener.frames();
    const attackers = [1, 2].map(() => relay.peer('192.0.2.1'));
    for (const attacker of attackers) for (let count = 0; count < 32; count++) attacker.connect('victim');
    expect(listener.offers()).toHaveLength(64);
    const honest = relay.peer('192.0.2.2');
    const id = honest.connect('victim');
    const [offer] = listener.offers();
    if (offer) listener.accept(offer);
    expect(honest.told()).toEqual([`ACCEPT ${id} ${1_000_000}`]);
    expect(attackers.map(refusedOf)).toEqual([0, 1]);
    // One more of the flood makes nobody give way.
    const third = relay.peer('192.0.2.1');
    third.connect('victim');
    third.connect('victim');
    expect(refusedOf(third)).toBe(1);
    expect(relay.core.stats.refusals).toEqual({ LIMIT_STREAMS: 2 });
    expect(relay.core.stats.connects).toMatchObject({ refused: 1, matched: 1, pending: 64 });
  });

  test('a flood of one address at names that nobody has leaves room at the relay', () => {
    const relay = new LimitedRelay({ limits: { maxPending: 32 } });
    const attacker = relay.peer('192.0.2.1');
    for (let count = 0; count < 32; count++) attacker.connect(`nobody-${count}`, {}, 60_000);
    const honest = relay.peer('192.0.2.2');
    honest.connect('soon', {}, 60_000);
    expect([refusedOf(attacker), refusedOf(honest)]).toEqual([1, 0]);
  });

  test('a listener that accepts nothing holds so many clients, on all of its names together', () => {
    const relay = new LimitedRelay({ limits: { maxPendingPerListener: 3 } });
    const [deaf, good] = [relay.peer('192.0.2.9'), relay.peer('192.0.2.8')];
    for (const name of ['a', 'b']) deaf.listen(name);
    good.listen('c');
    const client = relay.peer('192.0.2.1');
    const ids = ['a', 'b', 'a', 'b', 'c'].map((name) => client.connect(name));
    expect(client.told()).toEqual([`RESET ${ids[3]} LIMIT_STREAMS`]);
    expect(good.offers()).toHaveLength(1);
    // Once one is answered, or given up, there is room for another.
    client.cancel(ids[0] ?? 0);
    client.frames();
    client.connect('b');
    expect(client.told()).toEqual([]);
    relay.pass(30_000, client);
    expect(client.told().filter((line) => line.endsWith('ACCEPT_TIMEOUT'))).toHaveLength(4);
    client.connect('a');
    expect(client.told()).toEqual([]);
  });

  test('nor more of those that have waited for it', () => {
    const relay = new LimitedRelay({ limits: { maxPendingPerListener: 2 } });
    const client = relay.peer('192.0.2.1');
    const ids = [1, 2, 3].map(() => client.connect('late', {}, 60_000));
    const deaf = relay.peer('192.0.2.9');
    deaf.listen('late');
    expect(client.told()).toEqual([`RESET ${ids[2]} LIMIT_STREAMS`]);
    expect(deaf.offers()).toHaveLength(2);
    expect(relay.core.stats.connects).toMatchObject({ requested: 3, refused: 1, pending: 2 });
  });
});
