import { expect, test } from 'vitest';
import { RateMeter } from '../../../browser/status/rates.js';
import type { RelayInspection } from '../../../relay/inspection.js';
import { makeRelay } from '../../relay/core-peer.js';

const START = Date.parse('2026-01-01T00:00:00Z');
const { core } = makeRelay();

interface Counted {
  passed?: number;
  requested?: number;
  begun?: number;
  refusals?: Record<string, number>;
}

/** A snapshot of a relay that began at START. */
function snapshot(seconds: number, { passed = 0, requested = 0, begun = 0, refusals = {} }: Counted): RelayInspection {
  const { totals, ...rest } = core.inspect();
  return {
    ...rest,
    at: new Date(START + seconds * 1000).toISOString(),
    startedAt: new Date(START).toISOString(),
    totals: {
      ...totals,
      refusals,
      bytes: { ...totals.bytes, passed },
      connects: { ...totals.connects, requested },
      stalls: { ...totals.stalls, begun },
    },
  };
}

test('the first snapshot has no rates', () => {
  const rates = new RateMeter().take(snapshot(500, { passed: 1_000_000, refusals: { NO_LISTENER: 7 } }));
  expect(rates).toMatchObject({ passedBytesPerSecond: 0, connectsPerSecond: 0, minuteMs: 0, line: [] });
  expect(rates.refusalsByCode).toEqual({ NO_LISTENER: 0 });
});

test('rates are of the time since the last one, by the clock of the relay', () => {
  const meter = new RateMeter();
  meter.take(snapshot(10, { passed: 1_000, requested: 5 }));
  expect(meter.take(snapshot(12, { passed: 5_000, requested: 6 }))).toMatchObject({
    passedBytesPerSecond: 2_000,
    connectsPerSecond: 0.5,
    line: [2_000],
  });
  expect(meter.take(snapshot(16, { passed: 5_000, requested: 6 })).line).toEqual([2_000, 0]);
});

test('refusals and stalls are those of a minute', () => {
  const meter = new RateMeter();
  for (let second = 0; second <= 100; second += 2)
    meter.take(snapshot(second, { begun: second, refusals: { NO_LISTENER: second * 2 } }));
  const rates = meter.take(snapshot(102, { begun: 102, refusals: { NO_LISTENER: 204, FORBIDDEN: 3 } }));
  expect(rates).toMatchObject({
    minuteMs: 60_000,
    stallsPerMinute: 60,
    refusalsByCode: { NO_LISTENER: 120, FORBIDDEN: 3 },
  });
});

test('a relay that counts anew is another one', () => {
  const meter = new RateMeter();
  meter.take(snapshot(0, { passed: 1_000_000 }));
  meter.take(snapshot(2, { passed: 2_000_000 }));
  expect(meter.take(snapshot(4, { passed: 500 }))).toMatchObject({ passedBytesPerSecond: 0, minuteMs: 0, line: [] });
});

test('the line has an end', () => {
  const meter = new RateMeter();
  let rates = meter.take(snapshot(0, {}));
  for (let second = 1; second <= 300; second++) rates = meter.take(snapshot(second, { passed: second ** 2 }));
  expect(rates.line).toHaveLength(120);
  expect(rates.line.at(-1)).toBe(300 ** 2 - 299 ** 2);
});
