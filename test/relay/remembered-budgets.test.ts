import { describe, expect, test } from 'vitest';
import { PeerBudget } from '../../relay/peer-budget.js';
import { resolveRates } from '../../relay/rates.js';
import { addressBlock, RememberedBudgets } from '../../relay/remembered-budgets.js';
import { encodePing } from '../../src/protocol/encode.js';
import { type LimitedPeer, LimitedRelay } from './limited-peer.js';

const ping = (peer: LimitedPeer) => () => peer.send(encodePing(new Uint8Array(8)));

describe('who dials again', () => {
  test('as the same endpoint has what it had left, and what time has brought back', () => {
    const relay = new LimitedRelay({ rates: { pings: { burst: 20, perSecond: 1 } } });
    const before = relay.peer('192.0.2.1', 'me');
    expect(before.repeat(100, ping(before))).toBe(21);
    relay.pass(3000);
    const after = relay.peer('198.51.100.1', 'me');
    expect(after.repeat(100, ping(after))).toBe(4);
    expect(relay.ends).toEqual({ LIMIT_RATE: 2 });
  });

  test('before it is cut gains nothing by that', () => {
    const relay = new LimitedRelay({ rates: { pings: { burst: 20, perSecond: 1 } } });
    const before = relay.peer('192.0.2.1', 'me');
    before.repeat(19, ping(before));
    before.lose();
    const after = relay.peer('192.0.2.1', 'me');
    expect(after.repeat(100, ping(after))).toBe(2);
  });

  test('on another connection, whose ghost is still there, neither', () => {
    const relay = new LimitedRelay({ rates: { pings: { burst: 20, perSecond: 1 } } });
    const ghost = relay.peer('192.0.2.1', 'me');
    ghost.repeat(19, ping(ghost));
    const after = relay.peer('198.51.100.1', 'me');
    expect(ghost.connection.endReason?.code).toBe('CONNECTION_LOST');
    expect(after.repeat(100, ping(after))).toBe(2);
  });

  test('from the same address has a quarter at least, because it may be somebody else', () => {
    const relay = new LimitedRelay({ rates: { pings: { burst: 20, perSecond: 1 } } });
    const before = relay.peer('192.0.2.1');
    before.repeat(100, ping(before));
    const [same, other] = [relay.peer('192.0.2.1'), relay.peer('192.0.2.2')];
    expect(same.repeat(100, ping(same))).toBe(6);
    expect(other.repeat(100, ping(other))).toBe(21);
  });

  test('from the same address again and again has less each time, and something always', () => {
    const relay = new LimitedRelay({ rates: { pings: { burst: 128, perSecond: 0.001 } } });
    const pingsEach = Array.from({ length: 20 }, () => {
      const peer = relay.peer('192.0.2.1');
      return peer.repeat(1000, ping(peer)) - 1;
    });
    expect(pingsEach.slice(0, 5)).toEqual([128, 32, 16, 10, 8]);
    expect(pingsEach.slice(-3)).toEqual([2, 2, 2]);
    relay.pass(60_000);
    const later = relay.peer('192.0.2.1');
    expect(later.repeat(1000, ping(later))).toBe(129);
  });

  test('after ordinary use, or after a minute, has everything', () => {
    const relay = new LimitedRelay({ rates: { pings: { burst: 20, perSecond: 0.001 } } });
    const before = relay.peer('192.0.2.1', 'me');
    before.repeat(9, ping(before));
    before.lose();
    const second = relay.peer('192.0.2.1', 'me');
    expect(second.repeat(100, ping(second))).toBe(21);
    relay.pass(60_000);
    const third = relay.peer('192.0.2.1', 'me');
    expect(third.repeat(100, ping(third))).toBe(21);
  });
});

test('only so many are remembered, the latest', () => {
  const rates = resolveRates({ pings: { burst: 4, perSecond: 1 } });
  const remembered = new RememberedBudgets(3);
  for (let host = 1; host <= 5; host++) {
    const spent = new PeerBudget(rates, 1);
    spent.spend('pings', 0, 4);
    remembered.left(spent, `192.0.2.${host}`, undefined, 0);
  }
  expect(remembered.size).toBe(3);
  const left = [1, 2, 3, 4, 5].map((host) => {
    const budget = new PeerBudget(rates, 1);
    remembered.cameFrom(budget, `192.0.2.${host}`, 0);
    return budget.of('pings', 0).left(0);
  });
  expect(left).toEqual([4, 4, 1, 1, 1]);
});

test('what is old makes room', () => {
  const rates = resolveRates({ pings: { burst: 4, perSecond: 1 } });
  const remembered = new RememberedBudgets();
  for (const at of [0, 1, 60_001]) {
    const spent = new PeerBudget(rates, 1);
    spent.spend('pings', at, 4);
    remembered.left(spent, `192.0.2.${at % 100}`, undefined, at);
  }
  expect(remembered.size).toBe(1);
});

describe('an address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
  ])('%s is of %s', (address, block) => {
    expect(addressBlock(address)).toBe(block);
  });
});
