import { describe, expect, test } from 'vitest';
import type { StreamCore } from '../../src/core/stream.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { AcceptorPair, bytes, NOTHING_LEFT, WINDOW_MS } from './acceptor-pair.js';

const SIDES = ['dialer', 'acceptor'] as const;
const otherOf = (side: 'dialer' | 'acceptor') => (side === 'dialer' ? 'acceptor' : 'dialer');
const canceled = new TrunklineError('CANCELED', 'enough');

describe.each(SIDES)('a tunnel of mode stream, used by the %s', (side) => {
  const other = otherOf(side);

  test('is over behind its stream: first that ends, in order, at both', () => {
    const pair = AcceptorPair.opened({ mode: 'stream' });
    const { opener, taker } = pair.joined(side);
    opener.write(bytes(1, 2));
    opener.end();
    pair.run();
    taker.write(bytes(3));
    taker.end();
    const told = pair.run();
    expect(told[side]).toEqual(['end', 'closed', 'closed TUNNEL_CLOSED']);
    expect(told[other]).toEqual(['delivered', 'closed', 'closed TUNNEL_CLOSED']);
    expect([pair.takenBy(taker), pair.takenBy(opener)]).toEqual([[1, 2], [3]]);
    expect(pair.left).toEqual(NOTHING_LEFT);
  });

  test('takes no other stream, of whichever side', () => {
    const pair = AcceptorPair.opened({ mode: 'stream' });
    const { opener, taker } = pair.joined(side);
    for (const again of SIDES) pair.open(again);
    expect(pair.run()).toEqual({ dialer: ['failed LIMIT_STREAMS'], acceptor: ['failed LIMIT_STREAMS'] });
    opener.write(bytes(9));
    pair.run();
    expect([pair.takenBy(taker), pair.dialer.stateName]).toEqual([[9], 'open']);
  });

  test('is over as well when its stream fails', () => {
    const pair = AcceptorPair.opened({ mode: 'stream' });
    const { opener } = pair.joined(side);
    opener.reset(canceled);
    const told = pair.run();
    expect(told[side]).toEqual(['closed TUNNEL_CLOSED']);
    expect(told[other]).toEqual(['failed CANCELED', 'closed TUNNEL_CLOSED']);
    expect(pair.left).toEqual(NOTHING_LEFT);
  });

  test('is over when its stream is refused', () => {
    const pair = AcceptorPair.opened({ mode: 'stream' });
    pair.isAccepting = false;
    pair.open(side);
    pair.run();
    pair.incomingAt(other)[0]!.reset(new TrunklineError('REFUSED', 'no'));
    const told = pair.run();
    expect(told[side]).toEqual(['failed REFUSED', 'closed TUNNEL_CLOSED']);
    expect(told[other]).toEqual(['closed TUNNEL_CLOSED']);
  });

  test('carries it over a cut, and is over only then', () => {
    const pair = AcceptorPair.opened({ mode: 'stream' });
    const { opener, taker } = pair.joined(side);
    opener.write(bytes(1));
    opener.end();
    pair.cut();
    pair.told();
    pair.comeBack();
    taker.end();
    const told = pair.run();
    expect(told[side].slice(-3)).toEqual(['end', 'closed', 'closed TUNNEL_CLOSED']);
    expect(told[other].slice(-2)).toEqual(['closed', 'closed TUNNEL_CLOSED']);
    expect(pair.takenBy(taker)).toEqual([1]);
  });

  test('does not end before its last word is heard', () => {
    const pair = AcceptorPair.opened({ mode: 'stream' });
    const { opener, taker } = pair.joined(side);
    opener.end();
    taker.end();
    // Both applications have all, and one CLOSE is lost with the connection.
    pair.pass(pair.near, pair.far);
    pair.pass(pair.far, pair.near);
    pair.pass(pair.near, pair.far);
    pair.cut();
    pair.comeBack();
    const told = pair.run();
    expect([told.dialer.at(-1), told.acceptor.at(-1)]).toEqual(['closed TUNNEL_CLOSED', 'closed TUNNEL_CLOSED']);
    expect([...told.dialer, ...told.acceptor].filter((event) => event.startsWith('failed'))).toEqual([]);
    expect(pair.left).toEqual(NOTHING_LEFT);
  });
});

test('both sides open the one stream of a tunnel at once: neither gets it, both are told, and the tunnel is over', () => {
  const pair = AcceptorPair.opened({ mode: 'stream' });
  for (const side of SIDES) pair.open(side);
  const told = pair.run();
  expect(told).toEqual({
    dialer: ['failed LIMIT_STREAMS', 'closed TUNNEL_CLOSED'],
    acceptor: ['failed LIMIT_STREAMS', 'closed TUNNEL_CLOSED'],
  });
  expect(pair.left).toEqual(NOTHING_LEFT);
});

describe.each(SIDES)('idle timeout of the %s', (side) => {
  const timeouts = side === 'dialer' ? { dialerIdleMs: 5000 } : { acceptorIdleMs: 5000 };

  test('ends a tunnel that carries nothing, at both ends', () => {
    const pair = AcceptorPair.opened(timeouts);
    pair.elapse(4999);
    expect(pair.run()).toEqual({ dialer: [], acceptor: [] });
    pair.elapse(1);
    expect(pair.run()).toEqual({ dialer: ['closed TUNNEL_CLOSED'], acceptor: ['closed TUNNEL_CLOSED'] });
  });

  test.each(SIDES)('does not run while there is a stream of the %s, and begins anew behind it', (opening) => {
    const pair = AcceptorPair.opened(timeouts);
    pair.elapse(4000);
    const { opener, taker } = pair.joined(opening);
    pair.elapse(10_000);
    expect(pair.run()).toEqual({ dialer: [], acceptor: [] });
    for (const end of [opener, taker]) end.end();
    pair.run();
    pair.elapse(4999);
    expect([pair.run(), pair.dialer.stateName]).toEqual([{ dialer: [], acceptor: [] }, 'open']);
    pair.elapse(1);
    expect(pair.run().dialer).toEqual(['closed TUNNEL_CLOSED']);
  });

  test('another connection is no stream: it does not begin anew', () => {
    const pair = AcceptorPair.opened(timeouts);
    pair.elapse(3000);
    pair.cut();
    pair.elapse(1000);
    pair.comeBack();
    pair.run();
    pair.elapse(999);
    expect(pair.dialer.stateName).toBe('open');
    pair.elapse(1);
    expect(pair.run()).toEqual({ dialer: ['closed TUNNEL_CLOSED'], acceptor: ['closed TUNNEL_CLOSED'] });
  });

  test('does not run out on streams that wait for a connection', () => {
    const pair = AcceptorPair.opened(timeouts);
    const { taker } = pair.joined('dialer');
    pair.cut();
    pair.elapse(20_000);
    expect(pair.side(side).stateName).toBe('suspended');
    pair.comeBack();
    pair.run();
    expect(taker.isSuspended).toBe(false);
  });

  test('runs while there is no connection', () => {
    const pair = AcceptorPair.opened(timeouts);
    pair.elapse(1000);
    pair.cut();
    pair.elapse(4000);
    expect(pair.told()[side]).toEqual(['suspended', 'closed TUNNEL_CLOSED']);
    expect(pair.side(side).nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });
});

test('the idle timeout does not run before the tunnel is open, whatever was given up meanwhile', () => {
  const pair = new AcceptorPair({ dialerIdleMs: 5000, firstDials: 2 });
  pair.cut();
  // It waits for a connection, and is gone at once.
  pair.open('dialer').reset(canceled);
  expect(pair.dialer.streamCount).toBe(0);
  pair.elapse(9000);
  expect(pair.dialer.stateName).toBe('connecting');
  pair.comeBack();
  expect(pair.dialer.stateName).toBe('open');
  pair.elapse(4999);
  expect(pair.dialer.stateName).toBe('open');
  pair.elapse(1);
  expect(pair.dialer.stateName).toBe('closed');
});

test('without an idle timeout nothing ends a tunnel that carries nothing', () => {
  const pair = AcceptorPair.opened();
  expect([pair.dialer.nextDeadline(), pair.acceptor.nextDeadline()]).toEqual([
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ]);
  const { opener, taker } = pair.joined('acceptor');
  for (const end of [opener, taker]) end.end();
  pair.run();
  expect([pair.dialer.nextDeadline(), pair.acceptor.nextDeadline()]).toEqual([
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ]);
});

test.each(SIDES)('closed by the %s: every live stream of both sides gets that reason, at both', (side) => {
  const pair = AcceptorPair.opened();
  for (const opening of SIDES) for (let count = 0; count < 2; count++) pair.joined(opening);
  pair.side(side).close(new TrunklineError('TUNNEL_CLOSED', 'we are done here'));
  const reasons = new Map<string, string[]>();
  const note = (where: string) => {
    for (const event of pair.side(where as 'dialer').takeEvents()) {
      const error =
        event.type === 'closed' ? event.error : event.type === 'stream' && 'error' in event.event && event.event.error;
      reasons.set(where, [...(reasons.get(where) ?? []), error ? `${error.code} ${error.message}` : event.type]);
    }
  };
  pair.exchange();
  for (const where of SIDES) note(where);
  const five = Array<string>(5).fill('TUNNEL_CLOSED we are done here');
  expect(Object.fromEntries(reasons)).toEqual({ dialer: five, acceptor: five });
  expect(pair.left).toEqual(NOTHING_LEFT);
});

test('what its streams have said before goes out in front of the end', () => {
  const pair = AcceptorPair.opened();
  const { opener, taker } = pair.joined('dialer');
  taker.end();
  pair.run();
  opener.end();
  pair.exchange();
  // The last CLOSE is said and not sent when the application leaves.
  pair.dialer.close(new TrunklineError('TUNNEL_CLOSED', 'done'));
  const { acceptor } = pair.run();
  expect(acceptor).toEqual(['end', 'closed', 'closed TUNNEL_CLOSED']);
});

test.each(SIDES)('the window of the %s is over: its streams fail, and it is over', (side) => {
  const pair = AcceptorPair.opened({ [side === 'dialer' ? 'dialerWindowMs' : 'acceptorWindowMs']: 10_000 });
  const ends = SIDES.map((opening) => pair.joined(opening));
  pair.cut();
  pair.told();
  pair.elapse(9999);
  expect(pair.told()[side]).toEqual([]);
  pair.elapse(1);
  expect(pair.told()[side]).toEqual(['failed RESUME_EXPIRED', 'failed RESUME_EXPIRED', 'closed RESUME_EXPIRED']);
  expect([pair.side(side).streamCount, pair.side(side).nextDeadline()]).toEqual([0, Number.POSITIVE_INFINITY]);
  const isOver = (stream: StreamCore) => stream.isClosed;
  expect(ends.map(({ opener, taker }) => [isOver(opener), isOver(taker)].toSorted())).toEqual([
    [false, true],
    [false, true],
  ]);
});

test('the dialer comes back to an acceptor whose window is over: its streams fail at once, new ones work', () => {
  const pair = AcceptorPair.opened({ acceptorWindowMs: 10_000 });
  for (const opening of SIDES) pair.joined(opening);
  pair.cut();
  pair.elapse(10_000);
  pair.told();
  pair.forget();
  pair.comeBack();
  const { dialer, acceptor } = pair.run();
  expect(dialer).toEqual(['resumed', 'failed RESUME_UNKNOWN', 'failed RESUME_UNKNOWN']);
  expect(acceptor).toEqual(['open']);
  expect(pair.joined('dialer').taker.currentPhase).toBe('open');
  expect(pair.joined('acceptor').taker.currentPhase).toBe('open');
});

test.each(SIDES)('a %s that keeps nothing: at the first loss everything ends, on both sides', (side) => {
  const pair = AcceptorPair.opened({ [side === 'dialer' ? 'dialerWindowMs' : 'acceptorWindowMs']: 0 });
  const ends = SIDES.map((opening) => pair.joined(opening));
  expect(ends.flatMap(({ opener, taker }) => [opener.isResumable, taker.isResumable])).toEqual([
    false,
    false,
    false,
    false,
  ]);
  for (const { opener } of ends) opener.write(bytes(1));
  pair.run();
  expect(ends.map(({ opener }) => opener.retainedBytes)).toEqual([0, 0]);
  pair.cut();
  const over = ['failed CONNECTION_LOST', 'failed CONNECTION_LOST', 'closed CONNECTION_LOST'];
  expect(pair.told()).toEqual({ dialer: over, acceptor: over });
  expect(pair.left).toEqual(NOTHING_LEFT);
  expect([pair.dialer.nextDeadline(), pair.acceptor.nextDeadline()]).toEqual([
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ]);
});

test('the windows are each side’s own', () => {
  const pair = AcceptorPair.opened({ dialerWindowMs: 2 * WINDOW_MS });
  pair.cut();
  pair.elapse(WINDOW_MS);
  expect([pair.dialer.stateName, pair.acceptor.stateName]).toEqual(['suspended', 'closed']);
});
