import { describe, expect, test } from 'vitest';
import { AcceptorPair, bytes, NOTHING_LEFT } from './acceptor-pair.js';

const SIDES = ['dialer', 'acceptor'] as const;

function placeIdOf(stream: object): number {
  return (stream as { place: { id: number } }).place.id;
}

test('both sides open streams on one tunnel, at the same time, and no id is of two', () => {
  const pair = AcceptorPair.opened();
  const opened = SIDES.flatMap((side) => Array.from({ length: 20 }, () => ({ side, stream: pair.open(side) })));
  opened.forEach(({ stream }, index) => {
    stream.write(bytes(index));
    stream.end();
  });
  const told = pair.run();
  const ids = opened.map(({ stream }) => stream);
  expect(new Set(ids.map(({ uid }) => uid)).size).toBe(40);
  for (const [index, { side, stream }] of opened.entries()) {
    const other = side === 'dialer' ? 'acceptor' : 'dialer';
    const [taker] = pair.incomingAt(other).filter(({ uid }) => uid === stream.uid);
    expect([side, pair.takenBy(taker!)]).toEqual([side, [index]]);
    taker!.write(bytes(100 + index));
    taker!.end();
  }
  pair.run();
  expect(opened.map(({ stream }) => pair.takenBy(stream))).toEqual(opened.map((_, index) => [100 + index]));
  expect(told.dialer.filter((event) => event === 'opened')).toHaveLength(20);
  expect(pair.left).toEqual(NOTHING_LEFT);
});

// Where an id that is kept in too few bits, or with a sign, becomes another one.
describe.each([2 ** 8, 2 ** 16, 2 ** 24, 2 ** 31])('ids across %d', (border) => {
  test('streams on both sides of it go on, none is taken for another', () => {
    const pair = AcceptorPair.opened({ firstLocalId: border - 7 });
    const streams = SIDES.flatMap((side) => Array.from({ length: 8 }, () => pair.joined(side)));
    const ids = streams.map(({ opener }) => placeIdOf(opener));
    expect(ids).toEqual(streams.map(({ taker }) => placeIdOf(taker)));
    expect([ids.filter((id) => id < border).length, ids.filter((id) => id > border).length]).toEqual([7, 8]);
    expect(new Set(ids).size).toBe(16);
    // Each says who it is; with an alias, somebody would hear it twice.
    streams.forEach(({ opener, taker }, index) => {
      opener.write(bytes(index, 1));
      taker.write(bytes(index, 2));
    });
    pair.run();
    expect(streams.map(({ taker }) => pair.takenBy(taker))).toEqual(streams.map((_, index) => [index, 1]));
    expect(streams.map(({ opener }) => pair.takenBy(opener))).toEqual(streams.map((_, index) => [index, 2]));
    for (const { opener, taker } of streams) for (const end of [opener, taker]) end.end();
    pair.run();
    expect(pair.left).toEqual(NOTHING_LEFT);
  });

  test('and are carried on, on a connection whose ids begin anew', () => {
    const pair = AcceptorPair.opened({ firstLocalId: border - 3 });
    const streams = SIDES.flatMap((side) => Array.from({ length: 4 }, () => pair.joined(side)));
    pair.cut();
    streams.forEach(({ opener, taker }, index) => {
      opener.write(bytes(index, 1));
      taker.write(bytes(index, 2));
    });
    pair.comeBack();
    pair.run();
    expect(streams.map(({ taker }) => pair.takenBy(taker))).toEqual(streams.map((_, index) => [index, 1]));
    expect(streams.map(({ opener }) => pair.takenBy(opener))).toEqual(streams.map((_, index) => [index, 2]));
  });
});

test.each(SIDES)('the %s has no id left: LIMIT_STREAMS for the stream, and everything else goes on', (side) => {
  // Two ids are left for the dialer, and one for the acceptor.
  const pair = AcceptorPair.opened({ firstLocalId: 2 ** 32 - 3 });
  const streams = side === 'dialer' ? [pair.joined(side), pair.joined(side)] : [pair.joined(side)];
  const { opener, taker } = streams.at(-1)!;
  const refused = pair.open(side);
  expect(pair.run()[side]).toEqual(['failed LIMIT_STREAMS']);
  expect([refused.isClosed, pair.dialer.stateName, pair.acceptor.stateName]).toEqual([true, 'open', 'open']);
  opener.write(bytes(7));
  taker.write(bytes(8));
  pair.run();
  expect([pair.takenBy(taker), pair.takenBy(opener)]).toEqual([[7], [8]]);
  // Another connection has ids again, as many as that one had.
  for (const end of streams.flatMap((stream) => [stream.opener, stream.taker])) end.end();
  pair.run();
  pair.cut();
  pair.comeBack();
  pair.run();
  expect(pair.joined(side).taker.currentPhase).toBe('open');
});

test.each(SIDES)('past the limit that its peer announces, a stream of the %s fails, and no other', (side) => {
  const limits = side === 'dialer' ? { acceptorLimits: { maxStreams: 3 } } : { dialerLimits: { maxStreams: 3 } };
  const pair = AcceptorPair.opened(limits);
  const streams = Array.from({ length: 3 }, () => pair.joined(side));
  pair.open(side);
  expect(pair.run()).toEqual({ dialer: [], acceptor: [], [side]: ['failed LIMIT_STREAMS'] });
  // The other side's own limit is another one.
  const other = side === 'dialer' ? 'acceptor' : 'dialer';
  pair.joined(other);
  for (const [index, { opener }] of streams.entries()) opener.write(bytes(index));
  pair.run();
  expect(streams.map(({ taker }) => pair.takenBy(taker))).toEqual([[0], [1], [2]]);
  // One is over for both: there is room for one.
  const { opener, taker } = streams[0]!;
  for (const end of [opener, taker]) end.end();
  pair.run();
  expect(pair.joined(side).taker.currentPhase).toBe('open');
});

test('streams that were opened before the limit was known are refused by whoever has it', () => {
  const pair = new AcceptorPair({ acceptorLimits: { maxStreams: 2 } });
  const streams = Array.from({ length: 4 }, () => pair.open('dialer'));
  const { dialer, acceptor } = pair.run();
  expect(dialer.filter((event) => event === 'failed LIMIT_STREAMS')).toHaveLength(2);
  expect([acceptor, pair.dialer.stateName]).toEqual([['open', 'incoming', 'incoming'], 'open']);
  expect(streams.map(({ currentPhase }) => currentPhase)).toEqual(['open', 'open', 'closed', 'closed']);
});

test.each(SIDES)('what a peer opens that is neither plain nor known is refused by the %s', (side) => {
  const pair = AcceptorPair.opened();
  const other = side === 'dialer' ? 'acceptor' : 'dialer';
  pair.side(other).open({ kind: 'connect', name: 'n', waitMs: 0 }, null);
  pair.side(other).open({ kind: 'resume', endpoint: 'there', waitMs: 0 }, null);
  const told = pair.run();
  expect(told[other].toSorted()).toEqual(['failed FORBIDDEN', 'failed RESUME_UNKNOWN']);
  expect([pair.dialer.stateName, pair.left]).toEqual(['open', NOTHING_LEFT]);
});
