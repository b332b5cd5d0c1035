import { createHistogram } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { StreamClient, type TunnelStream } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { addAll, distributionOf } from '../support/process-meter.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { SeededRandom } from '../support/seeded-random.js';
import { LoadCounts, mergeCounts } from './load-counts.js';
import { Pauses } from './pauses.js';
import { drawPlan, KINDS, type Plan } from './stream-plans.js';
import { StreamWork } from './stream-work.js';
import { afterWarmUp, fitTrend } from './trend.js';

describe('the slope of a run', () => {
  it('is that of a line, without an error', () => {
    const points = [0, 1, 2, 5].map((minutes) => ({ minutes, value: 7 + 3 * minutes }));
    expect(fitTrend(points).slope).toBeCloseTo(3, 12);
    expect(fitTrend(points).standardError).toBeCloseTo(0, 12);
  });

  it('is the least-squares one of values that scatter, with its standard error', () => {
    // By hand: means 1.5 and 3.75, slope 5.5 / 5; residuals 0.9, -0.2, -2.3, 1.6 -> 8.7 / 2 / 5.
    const points = [3, 3, 2, 7].map((value, minutes) => ({ minutes, value }));
    const { slope, standardError } = fitTrend(points);
    expect(slope).toBeCloseTo(1.1, 12);
    expect(standardError).toBeCloseTo(Math.sqrt(8.7 / 2 / 5), 12);
  });

  it('is none of one moment', () => {
    for (const points of [[], [{ minutes: 1, value: 1 }], [1, 2].map((value) => ({ minutes: 1, value }))]) {
      expect(fitTrend(points).slope).toBeNaN();
    }
  });

  it('begins after the warm-up', () => {
    expect(afterWarmUp([{ minutes: 0.5 }, { minutes: 1 }, { minutes: 2 }], 1)).toEqual([
      { minutes: 1 },
      { minutes: 2 },
    ]);
  });
});

describe('the delays of several windows', () => {
  it('are joined with all their values', () => {
    const [first, second, overall] = [createHistogram(), createHistogram(), createHistogram()];
    for (let value = 1; value <= 50; value++) first.record(value * 1e6);
    for (let value = 51; value <= 100; value++) second.record(value * 1e6);
    for (const window of [first, second]) addAll(window, overall);
    const { count, p50, p99, max } = distributionOf(overall);
    expect(count).toBe(100);
    // The histogram keeps three digits.
    expect([p50, p99, max].map(Math.round)).toEqual([50, 99, 100]);
  });

  it('are told without the period of the probe, and never below zero', () => {
    const delays = createHistogram();
    for (const milliseconds of [9, 10, 35]) delays.record(milliseconds * 1e6);
    expect(Math.round(distributionOf(delays, 10).max)).toBe(25);
    delays.reset();
    delays.record(9e6);
    expect(distributionOf(delays, 10)).toMatchObject({ count: 1, p50: 0, max: 0 });
  });
});

describe('plans', () => {
  const plansOf = (seed: number): Plan[] => {
    const random = new SeededRandom(seed);
    return KINDS.map((kind) => drawPlan(kind, random, 1000));
  };

  it('follow from the seed', () => {
    expect(plansOf(5)).toEqual(plansOf(5));
    expect(plansOf(5)).not.toEqual(plansOf(6));
  });
});

describe('pauses', () => {
  it('end with the run, also those that would begin later', async () => {
    const pauses = new Pauses();
    const pending = pauses.pause(3_600_000);
    pauses.end();
    await pending;
    await pauses.pause(3_600_000);
    expect(pauses.isOver).toBe(true);
  });
});

describe('errors of the load', () => {
  it('are expected only of the kind of stream, and at the end, that brings them about', () => {
    const counts = new LoadCounts();
    const canceled = Object.assign(new Error('given up'), { code: 'CANCELED' });
    counts.failed('abandoned', 'acceptor', canceled);
    counts.failed('abandoned', 'opener', canceled);
    counts.failed('bulk', 'acceptor', canceled);
    expect(counts.values.expectedErrors).toEqual({ 'abandoned acceptor CANCELED': 1 });
    expect(counts.values.unexpectedErrors).toEqual({ 'abandoned opener CANCELED': 1, 'bulk acceptor CANCELED': 1 });
    expect(counts.values.details).toHaveLength(2);
  });

  it('of two processes are added up', () => {
    expect(mergeCounts({ first: 1, both: 2 }, { both: 3, second: 4 })).toEqual({ first: 1, both: 5, second: 4 });
  });
});

describe('streams of a load', () => {
  checkLeaksAfterEach();

  it.each(KINDS)('of kind %s go to their planned end, with every byte counted', async (kind) => {
    const [client, listener] = [new StreamWork(), new StreamWork()];
    const fixture = await startRelay();
    const plan = { ...drawPlan(kind, new SeededRandom(1)), bytesEachWay: 300_000, chunkBytes: 10_000, pauseMs: 1 };
    if (plan.stop) plan.stop.everyBytes = 100_000;
    if (plan.abandonAtBytes !== undefined) plan.abandonAtBytes = 150_000;
    expect(await openOne(fixture, { client, plan, serve: (stream) => void listener.acceptor(stream) })).toBe(true);
    await listener.idle();
    for (const { counts } of [client, listener]) {
      expect(counts.values).toMatchObject({ opened: 1, closed: 1, unexpectedErrors: {} });
      if (kind === 'abandoned') expect(counts.values.bytesChecked).toBeGreaterThanOrEqual(150_000);
      else expect(counts.values.bytesChecked).toBe(300_000);
    }
  });

  it('are failed by one wrong byte', async () => {
    const client = new StreamWork();
    const fixture = await startRelay();
    const plan = { ...drawPlan('short', new SeededRandom(1)), bytesEachWay: 1000 };
    const corrupt = (stream: TunnelStream): void => {
      stream.on('error', () => {});
      stream.on('data', (chunk: Buffer) => {
        const wrong = Buffer.from(chunk);
        wrong[0]! ^= 1;
        stream.write(wrong);
      });
    };
    expect(await openOne(fixture, { client, plan, serve: corrupt })).toBe(false);
    expect(client.counts.values.unexpectedErrors).toEqual({ 'short opener WRONG_BYTE': 1 });
    expect(client.counts.values.details[0]).toContain('byte 0 is not the one due');
  });

  it('are failed by an end that comes too early', async () => {
    const client = new StreamWork();
    const fixture = await startRelay();
    const plan = { ...drawPlan('short', new SeededRandom(1)), bytesEachWay: 1000 };
    const swallow = (stream: TunnelStream): void => {
      stream.resume();
      stream.end();
    };
    expect(await openOne(fixture, { client, plan, serve: swallow })).toBe(false);
    expect(client.counts.values.unexpectedErrors).toEqual({ 'short opener CLOSED_EARLY': 1 });
  });
});

interface OneStream {
  client: StreamWork;
  plan: Plan;
  serve: (stream: TunnelStream) => void;
}

async function openOne(fixture: RelayFixture, { client, plan, serve }: OneStream): Promise<boolean> {
  await fixture.listen('LOAD', serve);
  const stream = new StreamClient(fixture.dial()).connect('LOAD', { meta: plan });
  return client.opener(stream, plan);
}
