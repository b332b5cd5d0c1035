import { describe, expect, test } from 'vitest';
import { NameChanges } from '../../relay/name-changes.js';
import { encodeClose, encodeEndAck } from '../../src/protocol/encode.js';
import { endFrame } from './core-peer.js';
import { type LimitedPeer, LimitedRelay } from './limited-peer.js';

describe('changes of names', () => {
  const start = (steps = 0) => {
    const changes = new NameChanges();
    const settled: string[][] = [];
    changes.onSettle = (names) => {
      settled.push([...names]);
      return steps;
    };
    return { changes, settled };
  };

  test('are told at once, and then together after an interval', () => {
    const { changes, settled } = start();
    changes.add('a');
    expect([changes.has('a'), changes.has('b')]).toEqual([true, false]);
    changes.advance(100);
    for (const name of ['b', 'c']) {
      changes.add(name);
      changes.advance(120);
    }
    expect([settled, changes.nextDeadline(), [...changes.values()]]).toEqual([[['a']], 150, ['b', 'c']]);
    changes.advance(149);
    expect(settled).toHaveLength(1);
    changes.advance(150);
    expect([settled, changes.nextDeadline()]).toEqual([[['a'], ['b', 'c']], Number.POSITIVE_INFINITY]);
  });

  test('are nothing when they have changed back', () => {
    const { changes, settled } = start();
    for (const name of ['a', 'b', 'a']) changes.add(name);
    changes.advance(0);
    for (const name of ['c', 'c']) changes.add(name);
    expect([settled, changes.nextDeadline()]).toEqual([[['b']], Number.POSITIVE_INFINITY]);
    changes.advance(1000);
    expect(settled).toHaveLength(1);
  });

  test.each([
    [0, 50],
    [2500, 50],
    [2501, 51],
    [50_000, 1000],
    [1_000_000_000, 2000],
  ])('are told later when the last ones were much work: %i steps, %i ms', (steps, ms) => {
    const { changes } = start(steps);
    changes.add('a');
    changes.advance(0);
    changes.add('b');
    expect(changes.nextDeadline()).toBe(ms);
  });

  test('that come of telling wait for the next time', () => {
    const { changes, settled } = start();
    const record = changes.onSettle;
    changes.onSettle = (names) => {
      if (settled.length < 3) changes.add(`after ${names[0]}`);
      changes.advance(10);
      return record(names);
    };
    changes.add('a');
    changes.advance(10);
    expect([settled, changes.nextDeadline()]).toEqual([[['a']], 60]);
  });

  test('that somebody was told of before the others are told to all, even if they have changed back', () => {
    const { changes, settled } = start();
    changes.add('a');
    changes.advance(0);
    for (const name of ['b', 'c']) changes.add(name);
    changes.toldEarly('b');
    for (const name of ['b', 'c']) changes.add(name);
    expect([changes.has('b'), changes.nextDeadline()]).toEqual([false, 50]);
    changes.advance(50);
    expect([settled, changes.nextDeadline()]).toEqual([[['a'], ['b']], Number.POSITIVE_INFINITY]);
  });

  test('are forgotten when nobody is left to be told', () => {
    const { changes } = start();
    changes.add('a');
    changes.toldEarly('a');
    changes.clear();
    expect([changes.has('a'), changes.nextDeadline()]).toEqual([false, Number.POSITIVE_INFINITY]);
  });
});

describe('at a relay', () => {
  const start = () =>
    new LimitedRelay({ authorize: () => true, rates: { opens: { perSecond: 100_000, burst: 100_000 } } });
  const watch = (peer: LimitedPeer, credit = 1_000_000) => peer.open({ kind: 'watch', pattern: '*' }, { credit });
  /** Bytes of all lines that it was sent, and what they say. */
  function told(peer: LimitedPeer): { bytes: number; lines: string[] } {
    const payloads = peer.frames().flatMap((frame) => (frame.type === 'DATA' ? [Buffer.from(frame.payload)] : []));
    const text = Buffer.concat(payloads).toString();
    const lines = text.split('\n').flatMap((line) => {
      if (line === '') return [];
      const { created, destroyed, isComplete } = JSON.parse(line);
      return [
        [...created.map((name: string) => `+${name}`), ...destroyed.map((name: string) => `-${name}`)]
          .concat(isComplete ? ['complete'] : [])
          .join(' '),
      ];
    });
    return { bytes: text.length, lines };
  }
  /** A name comes, and goes. */
  const flash = (peer: LimitedPeer, name: string) => peer.cancel(peer.listen(name));

  test('the first is told at once; what comes and goes within the interval is not told at all', () => {
    const relay = start();
    const [watcher, listener] = [relay.peer('192.0.2.2'), relay.peer()];
    watch(watcher);
    expect(told(watcher).lines).toEqual(['complete']);
    listener.listen('a');
    expect(told(watcher).lines).toEqual(['+a']);
    for (let count = 0; count < 100; count++) flash(listener, `flash${count}`);
    const b = listener.listen('b');
    listener.listen('c');
    listener.cancel(b);
    expect(told(watcher).lines).toEqual([]);
    expect(relay.core.nextDeadline()).toBe(relay.clock.now + 50);
    relay.pass(50, watcher, listener);
    expect(told(watcher).lines).toEqual(['+c']);
  });

  test('who begins to watch is told what there is then, and nothing of it twice', () => {
    const relay = start();
    const [early, late, listener] = [relay.peer('192.0.2.2'), relay.peer('192.0.2.3'), relay.peer()];
    watch(early);
    const a = listener.listen('a');
    const b = listener.listen('b');
    listener.cancel(a);
    told(early);
    watch(late);
    expect(told(late).lines).toEqual(['+b complete']);
    // Gone again before the others heard of it.
    listener.cancel(b);
    listener.listen('a');
    relay.pass(50, early, late, listener);
    expect([told(early).lines, told(late).lines]).toEqual([[], ['+a -b']]);
  });

  test('nothing is due when nobody watches any more', () => {
    const relay = start();
    const [watcher, listener] = [relay.peer('192.0.2.2'), relay.peer()];
    const id = watch(watcher);
    for (const name of ['a', 'b']) listener.listen(name);
    expect(relay.core.nextDeadline()).toBe(relay.clock.now + 50);
    watcher.cancel(id);
    expect(relay.core.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    watcher.frames();
    watch(watcher);
    expect(told(watcher).lines).toEqual(['+a +b complete']);
  });

  test('whoever watches when, and reads how slowly: in turns for each name, and what is true in the end (R180)', () => {
    const seed = 20_261_121;
    let random = seed;
    const next = (below: number): number => {
      random = (random * 1103515245 + 12345) % 2147483648;
      return Math.floor((random / 2147483648) * below);
    };
    const relay = start();
    const listener = relay.peer();
    const ids = new Map<string, number>();
    const watchers: { peer: LimitedPeer; lines: string[] }[] = [];
    const read = ({ peer, lines }: { peer: LimitedPeer; lines: string[] }) => lines.push(...told(peer).lines);
    for (let step = 0; step < 1500; step++) {
      const name = `n${next(6)}`;
      const id = ids.get(name);
      if (id === undefined) ids.set(name, listener.listen(name));
      else {
        listener.cancel(id);
        ids.delete(name);
      }
      if (step % 100 === 0) {
        const peer = relay.peer('192.0.2.2');
        watch(peer);
        watchers.push({ peer, lines: [] });
      }
      if (next(3) === 0) relay.pass(next(40), listener, ...watchers.map(({ peer }) => peer));
      // A line leaves, and another is made, when its message is taken.
      for (const watcher of watchers) if (next(4) === 0) read(watcher);
    }
    relay.pass(2000, listener, ...watchers.map(({ peer }) => peer));
    for (const watcher of watchers) {
      read(watcher);
      const known = new Set<string>();
      for (const event of watcher.lines.join(' ').split(' ')) {
        if (event === 'complete' || event === '') continue;
        const name = event.slice(1);
        expect(known.has(name), `${event}, seed ${seed}`).toBe(event.startsWith('-'));
        if (event.startsWith('+')) known.add(name);
        else known.delete(name);
      }
      expect([...known].sort(), `seed ${seed}`).toEqual([...ids.keys()].sort());
    }
  });

  test('names that come and go fast before many watches are told of seldom, and in few bytes', () => {
    const relay = start();
    const watchers = Array.from({ length: 32 }, () => relay.peer('192.0.2.2'));
    for (const watcher of watchers) for (let count = 0; count < 16; count++) watch(watcher);
    const churner = relay.peer();
    for (const watcher of watchers) told(watcher);
    let bytes = 0;
    let held: number[] = [];
    // For 4 s, 400 names a second: as many at once as it may have, so that most of them are there when watches are told.
    for (let ms = 0; ms < 4000; ms += 10) {
      for (let count = 0; count < 4; count++) held.push(churner.listen(`name-${ms}-${count}`));
      for (const id of held.slice(0, -12)) {
        churner.send(endFrame(id, 0));
        churner.frames();
        churner.send(encodeEndAck(id), encodeClose(id));
      }
      held = held.slice(-12);
      churner.frames();
      relay.pass(10, churner, ...watchers);
      for (const watcher of watchers) bytes += told(watcher).bytes;
    }
    expect(relay.core.stats.names.created).toBe(1600);
    // Told one by one, they are 34 MB.
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(3_000_000);
  });
});
