import { beforeEach, describe, expect, test } from 'vitest';
import { TrunklineError } from '../../src/protocol/errors.js';
import { takeMessage } from '../support/take-message.js';
import { Bench, RESUME_WINDOW_MS } from './resume-bench.js';

const bytes = (...values: number[]) => Uint8Array.from(values);

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('a lost connection', () => {
  test('suspends the stream at both ends, and the next one carries it on', () => {
    bench.cut();
    expect(bench.told()).toEqual({ near: ['suspended', 'tunnel suspended'], far: ['suspended'] });
    expect([bench.near.isSuspended, bench.far.isSuspended, bench.pair.tunnel.suspendedCount]).toEqual([true, true, 1]);
    bench.comeBack();
    expect(bench.told()).toEqual({ near: ['tunnel resumed', 'resumed'], far: ['resumed'] });
    expect([bench.near.isSuspended, bench.far.isSuspended, bench.pair.tunnel.suspendedCount]).toEqual([
      false,
      false,
      0,
    ]);
  });

  test('is opened again at the endpoint, for no longer than is left of the window', () => {
    bench.cut();
    bench.pair.elapse(20_000);
    bench.pair.dial();
    bench.pair.exchange();
    const { open } = bench.pair.opens[0]!;
    expect(open).toMatchObject({
      uid: bench.near.uid,
      target: { kind: 'resume', endpoint: 'there', waitMs: RESUME_WINDOW_MS - 20_000 },
      resume: { epoch: 1, received: 0, ended: false },
    });
    // The secret is not for the relay that passes this on.
    expect(open).not.toHaveProperty('key');
  });

  test('loses nothing of what was on its way, in either direction', () => {
    bench.near.write(bytes(1, 2, 3));
    bench.far.write(bytes(7, 8));
    bench.pair.exchange();
    bench.near.write(bytes(4, 5));
    bench.far.write(bytes(9));
    // Copied into messages that never arrive.
    expect([takeMessage(bench.pair.near), takeMessage(bench.pair.far)]).not.toContain(undefined);
    bench.cut();
    bench.near.write(bytes(6));
    bench.comeBack();
    expect(bench.taken).toEqual({ near: [7, 8, 9], far: [1, 2, 3, 4, 5, 6] });
  });

  test('is survived as often as it happens', () => {
    for (let round = 0; round < 20; round++) {
      bench.near.write(bytes(round));
      bench.far.write(bytes(100 + round));
      if (round % 2 === 0) takeMessage(bench.pair.near);
      if (round % 3 === 0) takeMessage(bench.pair.far);
      bench.cut();
      bench.comeBack();
    }
    const rounds = Array.from({ length: 20 }, (_, index) => index);
    expect(bench.taken).toEqual({ near: rounds.map((round) => 100 + round), far: rounds });
  });

  test('before the answer to a re-open costs another re-open, and nothing else', () => {
    bench.near.write(bytes(1));
    bench.cut();
    for (let count = 0; count < 3; count++) {
      bench.pair.dial();
      bench.pair.exchange();
      // It is accepted at the far end, and the answer is lost.
      bench.pair.takeAgain(bench.far);
      bench.cut();
    }
    bench.comeBack();
    expect(bench.taken.far).toEqual([1]);
    expect(bench.near.isSuspended).toBe(false);
  });

  test('sends nothing on the new one before the far end has answered', () => {
    bench.near.write(bytes(1));
    bench.near.end();
    bench.cut();
    bench.pair.dial();
    bench.pair.exchange();
    expect([bench.near.pendingBytes, bench.pair.far.streamCount, bench.taken.far]).toEqual([1, 0, []]);
  });

  test('is told to the application once, however often its re-open fails', () => {
    bench.cut();
    for (let count = 0; count < 3; count++) {
      bench.pair.dial();
      bench.pair.exchange();
      bench.pair.opens.length = 0;
      bench.cut();
    }
    expect(bench.told().near.filter((event) => !event.startsWith('tunnel'))).toEqual(['suspended']);
  });

  test('known to one end only: the far end is taken from an attachment that it believes in', () => {
    bench.far.write(bytes(5));
    const { near, far } = bench.pair;
    near.lost(new TrunklineError('CONNECTION_LOST', 'only here'));
    bench.comeBack();
    expect([near.streamCount, far.streamCount]).toEqual([0, 0]);
    expect(bench.told()).toEqual({
      near: ['suspended', 'tunnel suspended', 'tunnel resumed', 'resumed', 'data'],
      far: ['drained'],
    });
    // The old attachment was left with a word, and its late end changes nothing.
    far.lost(new TrunklineError('CONNECTION_LOST', 'late'));
    expect([bench.told().far, bench.far.isSuspended]).toEqual([[], false]);
  });
});

describe('DETACH', () => {
  test('is a lost connection at the other end: opened again on the connection that is there', () => {
    bench.near.write(bytes(1));
    bench.far.leavePlace();
    bench.pair.exchange();
    expect([bench.told().near, bench.pair.tunnel.stateName]).toEqual([['drained', 'suspended'], 'open']);
    bench.pair.elapse(0);
    bench.pair.exchange();
    bench.pair.takeAgain(bench.far);
    bench.pair.exchange();
    expect(bench.taken.far).toEqual([1]);
    expect(bench.near.isSuspended).toBe(false);
  });
});

describe('the end of a stream', () => {
  /** Whatever of its frames is lost: messages are dropped from the given one on, in each direction. */
  const CUTS = [0, 1, 2, 3].flatMap((rounds) => [
    ...[0, 1].flatMap((up) => [0, 1].map((down) => [rounds, up, down] as const)),
  ]);

  test.each(CUTS)('is the same after %i rounds and then %i messages up and %i down', (rounds, up, down) => {
    bench.near.write(bytes(1, 2));
    bench.near.end();
    bench.far.write(bytes(3));
    bench.far.end();
    const events = { near: [] as string[], far: [] as string[] };
    const collect = () => {
      const { near, far } = bench.told();
      events.near.push(...near);
      events.far.push(...far);
    };
    for (let round = 0; round < rounds; round++) bench.passSome(1, 1);
    bench.passSome(up, down);
    bench.cut();
    collect();
    bench.comeBack();
    collect();
    const ends = (list: string[]) => list.filter((event) => /^(end|delivered|closed|failed.*)$/.test(event)).sort();
    expect([ends(events.near), ends(events.far)]).toEqual([
      ['closed', 'delivered', 'end'],
      ['closed', 'delivered', 'end'],
    ]);
    expect(bench.taken).toEqual({ near: [3], far: [1, 2] });
    // The opener's CLOSE was the only thing that was lost: nobody will come for what is left, until its window is over.
    if (bench.far.isLingering) bench.far.fail(new TrunklineError('RESUME_EXPIRED'));
    expect(bench.told().far).toEqual([]);
    bench.expectNothingLeft();
  });

  test('END_ACK that is lost is made good by the answer', () => {
    bench.near.write(bytes(1));
    bench.near.end();
    bench.passSome(1, 0);
    expect(bench.told().far).toEqual(['data', 'end']);
    bench.cut();
    bench.comeBack();
    expect(bench.told().near).toContain('delivered');
    expect(bench.near.retainedBytes).toBe(0);
    bench.far.end();
    bench.pair.exchange();
    bench.expectNothingLeft();
  });
});
