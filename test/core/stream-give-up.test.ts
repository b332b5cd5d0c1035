import { beforeEach, describe, expect, test } from 'vitest';
import { TrunklineError } from '../../src/protocol/errors.js';
import { takeMessage } from '../support/take-message.js';
import { Bench, RESUME_WINDOW_MS } from './resume-bench.js';

const bytes = (...values: number[]) => Uint8Array.from(values);

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('given up while suspended', () => {
  test('by the opener: the far end learns why as soon as there is a way', () => {
    bench.near.write(bytes(1));
    bench.cut();
    bench.told();
    bench.near.reset(Object.assign(new Error('enough'), { code: 'E_OWN' }));
    expect(bench.near.retainedBytes + bench.near.pendingBytes).toBe(0);
    bench.comeBack();
    const failed = bench.pair.farEvents.find(({ type }) => type === 'failed');
    expect(failed).toMatchObject({ error: { code: 'CANCELED', message: 'enough', appCode: 'E_OWN' } });
    expect(bench.told().near).toEqual(['tunnel resumed']);
    bench.expectNothingLeft();
  });

  test('by the acceptor: the opener comes and is told', () => {
    bench.cut();
    bench.far.reset(new TrunklineError('CANCELED', 'enough'));
    bench.comeBack();
    expect(bench.told().near).toContain('failed CANCELED');
    bench.expectNothingLeft();
  });

  test('by both', () => {
    bench.cut();
    bench.far.reset(new TrunklineError('CANCELED', 'enough'));
    bench.near.reset(new TrunklineError('CANCELED', 'enough'));
    bench.told();
    bench.comeBack();
    expect(bench.told()).toEqual({ near: ['tunnel resumed'], far: [] });
    bench.expectNothingLeft();
  });

  test('between re-open and its answer', () => {
    bench.cut();
    bench.pair.dial();
    bench.pair.exchange();
    bench.near.reset(new TrunklineError('CANCELED', 'enough'));
    bench.pair.takeAgain(bench.far);
    bench.pair.exchange();
    expect(bench.told().far).toContain('failed CANCELED');
    bench.expectNothingLeft();
  });

  test('RESET that is lost is said again', () => {
    bench.near.reset(new TrunklineError('CANCELED', 'enough'));
    takeMessage(bench.pair.near);
    bench.cut();
    bench.comeBack();
    expect(bench.told().far).toContain('failed CANCELED');
    bench.expectNothingLeft();
  });

  test('RESET whose answer is lost: nobody is there any more, which is answer enough', () => {
    bench.near.reset(new TrunklineError('CANCELED', 'enough'));
    bench.passSome(1, 0);
    expect(bench.told().far).toEqual(['failed CANCELED']);
    bench.cut();
    bench.comeBack();
    expect(bench.told().near).not.toContain('failed RESUME_UNKNOWN');
    bench.expectNothingLeft();
  });
});

describe('the window', () => {
  test('is over: the stream fails with RESUME_EXPIRED, with its tunnel', () => {
    bench.cut();
    bench.pair.elapse(RESUME_WINDOW_MS - 1);
    expect(bench.told().near).not.toContain('failed RESUME_EXPIRED');
    bench.pair.elapse(1);
    expect(bench.told().near).toEqual(['failed RESUME_EXPIRED', 'tunnel closed']);
    expect(bench.pair.tunnel.streamCount).toBe(0);
  });

  test('is over for a stream whose other end does not come back, while the tunnel goes on', () => {
    bench.cut();
    bench.pair.dial();
    bench.pair.exchange();
    expect(bench.pair.opens).toHaveLength(1);
    bench.pair.elapse(RESUME_WINDOW_MS - 1);
    expect(bench.told().near).not.toContain('failed RESUME_EXPIRED');
    bench.pair.elapse(1);
    expect(bench.told().near).toContain('failed RESUME_EXPIRED');
    expect([bench.pair.tunnel.streamCount, bench.pair.tunnel.suspendedCount, bench.pair.near.streamCount]).toEqual([
      0, 0, 0,
    ]);
    expect(bench.pair.tunnel.stateName).toBe('open');
  });

  test('begins anew with every loss', () => {
    for (let count = 0; count < 3; count++) {
      bench.cut();
      bench.pair.elapse(RESUME_WINDOW_MS - 1);
      bench.comeBack();
    }
    expect(bench.told().near).not.toContain('failed RESUME_EXPIRED');
  });
});
