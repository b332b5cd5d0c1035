import { describe, expect, test } from 'vitest';
import { ConnectionCore } from '../../src/core/connection.js';
import type { StreamCore } from '../../src/core/stream.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Welcome } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { AcceptorPair, bytes, NOTHING_LEFT, WINDOW_MS } from './acceptor-pair.js';

const SIDES = ['dialer', 'acceptor'] as const;

/** Bytes both ways, after which both ends finish: they and nothing else must have come. */
function expectWhole(pair: AcceptorPair, streams: { opener: StreamCore; taker: StreamCore }[]): void {
  for (const [index, { opener, taker }] of streams.entries()) {
    opener.write(bytes(index, 200));
    taker.write(bytes(index, 201));
    opener.end();
    taker.end();
  }
  const told = pair.run();
  expect([...told.dialer, ...told.acceptor].filter((event) => event.startsWith('failed'))).toEqual([]);
  expect(streams.map(({ taker }) => pair.takenBy(taker).slice(-2))).toEqual(streams.map((_, index) => [index, 200]));
  expect(streams.map(({ opener }) => pair.takenBy(opener).slice(-2))).toEqual(streams.map((_, index) => [index, 201]));
  expect(pair.left).toEqual(NOTHING_LEFT);
}

test('a dialer that comes back gets its tunnel, and the streams of both sides go on', () => {
  const pair = AcceptorPair.opened();
  const { acceptor } = pair;
  const id = pair.dialer.connections.welcome?.tunnelId;
  const streams = SIDES.flatMap((side) => [pair.joined(side), pair.joined(side)]);
  for (const [index, { opener, taker }] of streams.entries()) {
    opener.write(bytes(index));
    taker.write(bytes(index, index));
  }
  // On its way when it is cut.
  pair.lose(pair.near);
  pair.lose(pair.far);
  pair.cut();
  pair.elapse(1000);
  pair.comeBack();
  const told = pair.run();
  const each = Array<string>(4);
  for (const side of SIDES) {
    expect(told[side].filter((event) => event === 'suspended')).toHaveLength(each.length + 1);
    expect(told[side].filter((event) => event === 'resumed')).toHaveLength(each.length + 1);
  }
  expect([
    pair.acceptor === acceptor,
    pair.dialer.connections.welcome?.tunnelId,
    pair.dialer.connections.welcome?.isReturning,
  ]).toEqual([true, id, true]);
  expect(streams.map(({ taker }) => pair.takenBy(taker))).toEqual(streams.map((_, index) => [index]));
  expect(streams.map(({ opener }) => pair.takenBy(opener))).toEqual(streams.map((_, index) => [index, index]));
  expectWhole(pair, streams);
});

test('who says a tunnel’s id in place of its secret gets another tunnel, and the one it meant is not touched', () => {
  const pair = AcceptorPair.opened();
  const { acceptor } = pair;
  const streams = SIDES.map((side) => pair.joined(side));
  const tunnelId = pair.dialer.connections.welcome?.tunnelId;
  const welcomes: Welcome[] = [];
  const nothing = () => {};
  const impostor = new ConnectionCore(
    { role: 'dialer', limits: DEFAULT_LIMITS, now: pair.clock.now() },
    {
      helloReceived: nothing,
      welcomeReceived: (welcome) => welcomes.push(welcome),
      openReceived: nothing,
      noticeReceived: nothing,
      connectionEnded: nothing,
    },
  );
  impostor.hello({ endpoint: tunnelId });
  const far = pair.acceptConnection();
  pair.pass(impostor, far);
  pair.pass(far, impostor);
  expect(welcomes.map(({ isReturning, tunnelId: given }) => [isReturning, given === tunnelId])).toEqual([
    [false, false],
  ]);
  expect([pair.tunnels.size, pair.far.isOpen, acceptor.connection === pair.far]).toEqual([2, true, true]);
  pair.tunnels.delete(welcomes[0]!.tunnelId!);
  expectWhole(pair, streams);
});

describe('the connection before may be alive', () => {
  test('at the acceptor alone: it is ended before anything else, and what still comes on it is nothing', () => {
    const pair = AcceptorPair.opened();
    const streams = SIDES.map((side) => pair.joined(side));
    const { near, far } = pair;
    for (const [index, { opener }] of streams.entries()) opener.write(bytes(index));
    near.lost(new TrunklineError('CONNECTION_LOST', 'only the dialer knows'));
    pair.dial();
    expect(far.hasEnded).toBe(false);
    pair.exchange();
    expect([far.hasEnded, far.streamCount, far.endReason?.code]).toEqual([true, 0, 'CONNECTION_LOST']);
    pair.run();
    expect(streams.map(({ taker }) => pair.takenBy(taker))).toEqual([[0], [1]]);
    expectWhole(pair, streams);
  });

  test('at both: the streams of both sides move, and it is ended', () => {
    const pair = AcceptorPair.opened();
    const streams = SIDES.map((side) => pair.joined(side));
    const { near, far } = pair;
    pair.dial();
    pair.exchange();
    pair.exchange(near, far);
    pair.run();
    expect([near.hasEnded, far.hasEnded, pair.acceptor.connection === pair.far]).toEqual([true, true, true]);
    expectWhole(pair, streams);
  });

  test('at both, and its last bytes arrive behind the first of the new one: nothing comes twice', () => {
    const pair = AcceptorPair.opened();
    const streams = SIDES.map((side) => pair.joined(side));
    const { near, far } = pair;
    for (const [index, { opener, taker }] of streams.entries()) {
      opener.write(bytes(index));
      taker.write(bytes(index));
    }
    pair.dial();
    pair.exchange();
    // Said before the acceptor knew of the other connection; its GOAWAY, and what the dialer said, arrive only now.
    pair.exchange(near, far);
    pair.run();
    expect(streams.flatMap(({ opener, taker }) => [pair.takenBy(opener), pair.takenBy(taker)])).toEqual([
      [0],
      [0],
      [1],
      [1],
    ]);
    expectWhole(pair, streams);
  });

  test('dialed twice at once: the last one is it', () => {
    const pair = AcceptorPair.opened();
    const streams = SIDES.map((side) => pair.joined(side));
    pair.cut();
    pair.dial();
    const { near, far } = pair;
    pair.dial();
    pair.exchange(near, far);
    pair.exchange();
    pair.exchange(near, far);
    pair.run();
    expect([near.hasEnded, far.hasEnded, pair.acceptor.connection === pair.far]).toEqual([true, true, true]);
    expectWhole(pair, streams);
  });
});

describe('an acceptor that has forgotten the tunnel', () => {
  test('streams of both sides fail at the dialer at once, and the tunnel goes on with new ones', () => {
    const pair = AcceptorPair.opened();
    const streams = SIDES.map((side) => pair.joined(side));
    pair.cut();
    pair.told();
    pair.forget();
    pair.comeBack();
    expect(pair.run()).toEqual({
      dialer: ['resumed', 'failed RESUME_UNKNOWN', 'failed RESUME_UNKNOWN'],
      acceptor: ['open'],
    });
    expect([streams[0]!.opener.isClosed, streams[1]!.taker.isClosed]).toEqual([true, true]);
    expect(pair.left).toEqual(NOTHING_LEFT);
    expectWhole(
      pair,
      SIDES.map((side) => pair.joined(side)),
    );
  });

  test('a stream that was never answered is opened there as a new one', () => {
    const pair = AcceptorPair.opened();
    const opener = pair.open('dialer');
    opener.write(bytes(1, 2, 3));
    opener.end();
    expect(pair.lose(pair.near)).toBeGreaterThan(0);
    pair.cut();
    pair.forget();
    pair.comeBack();
    pair.run();
    const [taker] = pair.incomingAt('acceptor');
    expect(pair.takenBy(taker!)).toEqual([1, 2, 3]);
    taker!.end();
    expect(pair.run().dialer).toEqual(['end', 'closed']);
    expect(pair.left).toEqual(NOTHING_LEFT);
  });
});

describe('an answer is lost', () => {
  test('WELCOME of a connection that was to carry on: the next one does', () => {
    const pair = AcceptorPair.opened();
    const streams = SIDES.map((side) => pair.joined(side));
    pair.cut();
    pair.dial();
    pair.pass(pair.near, pair.far);
    expect([pair.far.isOpen, pair.near.isOpen, pair.lose(pair.far)]).toEqual([true, false, 1]);
    pair.cut();
    pair.comeBack();
    pair.run();
    expectWhole(pair, streams);
  });

  test('the first WELCOME of all: what was opened behind HELLO is opened once', () => {
    const pair = new AcceptorPair({ firstDials: 2 });
    const opener = pair.open('dialer');
    pair.pass(pair.near, pair.far);
    pair.told();
    expect(pair.incomingAt('acceptor')).toHaveLength(1);
    pair.cut();
    pair.comeBack();
    const { dialer, acceptor } = pair.run();
    expect([dialer, acceptor]).toEqual([
      ['suspended', 'dialFailed', 'open', 'opened', 'resumed'],
      ['suspended', 'suspended', 'resumed', 'resumed'],
    ]);
    expectWhole(pair, [{ opener, taker: pair.incomingAt('acceptor')[0]! }]);
  });

  test.each(SIDES)('ACCEPT for the %s: no application is asked a second time', (side) => {
    const pair = AcceptorPair.opened();
    const other = side === 'dialer' ? 'acceptor' : 'dialer';
    const opener = pair.open(side);
    opener.write(bytes(5));
    pair.exchange();
    pair.told();
    expect(pair.lose(side === 'dialer' ? pair.far : pair.near)).toBe(1);
    pair.cut();
    pair.comeBack();
    const told = pair.run();
    expect(told[other]).not.toContain('incoming');
    expect(told[side]).toContain('opened');
    const [taker] = pair.incomingAt(other);
    expect(pair.takenBy(taker!)).toEqual([5]);
    expectWhole(pair, [{ opener, taker: taker! }]);
  });

  test.each(SIDES)('of a stream of the %s that nobody has taken yet: it comes again, and the first is over', (side) => {
    const pair = AcceptorPair.opened();
    const other = side === 'dialer' ? 'acceptor' : 'dialer';
    pair.isAccepting = false;
    const opener = pair.open(side);
    opener.write(bytes(6));
    pair.run();
    // It comes again while its first OPEN may still be answered: what ends that connection is on its way.
    const { near, far } = pair;
    pair.dial();
    pair.exchange();
    pair.exchange(near, far);
    pair.isAccepting = true;
    const told = pair.run();
    const [first, again, ...more] = pair.incomingAt(other);
    expect([first?.isClosed, again?.currentPhase, more]).toEqual([true, 'open', []]);
    expect(told[side]).toContain('opened');
    first?.accept();
    expect(pair.takenBy(again!)).toEqual([6]);
    expectWhole(pair, [{ opener, taker: again! }]);
  });
});

/** Opens, says something both ways and ends; the connection is cut behind so many messages, and another one follows. */
function cutBehind(messages: number, side: 'dialer' | 'acceptor'): { isDone: boolean } {
  const pair = AcceptorPair.opened();
  const other = side === 'dialer' ? 'acceptor' : 'dialer';
  const opener = pair.open(side);
  opener.write(bytes(1, 2));
  opener.end();
  let left = messages;
  const spoken = new Set<StreamCore>();
  const speakBack = () => {
    for (const taker of pair.incomingAt(other)) {
      if (taker.currentPhase !== 'open' || spoken.has(taker)) continue;
      spoken.add(taker);
      taker.write(bytes(3));
      taker.end();
    }
  };
  for (let isBusy = true; isBusy && left > 0; ) {
    isBusy = false;
    for (const [from, to] of [
      [pair.near, pair.far],
      [pair.far, pair.near],
    ] as const) {
      if (left === 0 || !pair.pass(from, to)) continue;
      left--;
      isBusy = true;
      pair.dialer.advance();
      pair.acceptor.advance();
      speakBack();
      pair.told();
    }
  }
  pair.cut();
  pair.comeBack();
  pair.run();
  speakBack();
  pair.run();
  // A responder whose last word was not answered is not asked for again.
  pair.elapse(WINDOW_MS);
  const takers = pair.incomingAt(other);
  expect([messages, takers.length, pair.takenBy(takers[0]!), pair.takenBy(opener)]).toEqual([messages, 1, [1, 2], [3]]);
  expect([messages, opener.currentPhase, takers[0]!.currentPhase]).toEqual([messages, 'closed', 'closed']);
  expect([messages, pair.left]).toEqual([messages, NOTHING_LEFT]);
  return { isDone: left > 0 };
}

test.each(SIDES)('a stream of the %s is cut behind any of its messages: both ends come to the same end', (side) => {
  let messages = 0;
  while (!cutBehind(messages, side).isDone) messages++;
  expect(messages).toBeGreaterThan(4);
});

test('who waits for a connection is not opened on one that has just ended', () => {
  const pair = new AcceptorPair({ firstDials: 3 });
  pair.cut();
  const waiting = pair.open('dialer');
  pair.dial();
  // Given up behind its OPEN: it goes with its connection, and makes room.
  pair.open('dialer').reset(new TrunklineError('CANCELED', 'enough'));
  pair.cut();
  expect(waiting.isClosed).toBe(false);
  pair.comeBack();
  expect(pair.run().dialer.at(-1)).toBe('opened');
});

test('a stream that finds no room on the next connection is tried again later, and not all the time', () => {
  const acceptorLimits = { maxStreams: 2 };
  const pair = AcceptorPair.opened({ acceptorLimits, random: () => 0.5 });
  const streams = [pair.joined('dialer'), pair.joined('dialer')];
  // Both have had a place for long since they were carried on.
  pair.cut();
  pair.comeBack();
  pair.run();
  pair.elapse(15_000);
  acceptorLimits.maxStreams = 1;
  pair.cut();
  pair.comeBack();
  pair.run();
  expect(streams.map(({ opener }) => opener.isSuspended)).toEqual([false, true]);
  for (let count = 0; count < 5; count++) pair.dialer.advance();
  expect(pair.dialer.nextDeadline()).toBeGreaterThan(pair.clock.now());
  // There is room when the other one is over.
  for (const end of [streams[0]!.opener, streams[0]!.taker]) end.end();
  pair.run();
  pair.elapse(10_000);
  pair.run();
  expectWhole(pair, [streams[1]!]);
});
