import { createHash } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { serve } from '../../bench/browser/far-end.js';
import {
  decodeReport,
  decodeRequest,
  decodeVerdict,
  encodeReport,
  encodeRequest,
  type Request,
} from '../../bench/browser/protocol.js';
import { BROWSER_SCENARIOS, withKnownMetrics } from '../../bench/browser/scenarios.js';
import type { ByteStream } from '../../bench/carriers/carrier.js';
import { toRows } from '../../bench/report.js';
import { until } from '../support/until.js';

describe('the rows of a page', () => {
  test('have their goal in each direction, in a visible and in a hidden tab', () => {
    const goals = BROWSER_SCENARIOS.map(({ direction, visibility, metrics: [rate] }) => [
      direction,
      visibility,
      rate?.key,
      rate?.goal,
    ]);
    const goal = { of: 'ratio', bound: 'at least', limit: 0.85 };
    expect(goals).toEqual([
      ['page-to-node', 'visible', 'rate', goal],
      ['node-to-page', 'visible', 'rate', goal],
      ['page-to-node', 'hidden', 'rate', goal],
      ['node-to-page', 'hidden', 'rate', goal],
    ]);
  });

  test('are those of what the system tells', () => {
    const [scenario] = BROWSER_SCENARIOS;
    if (scenario === undefined) throw new Error('there is one');
    const rows = (sample: Record<string, number>) => {
      const samples = { trunkline: [sample], 'raw-ws': [sample] };
      return toRows(withKnownMetrics(scenario, samples), samples).map(({ metric }) => metric.key);
    };
    expect(rows({ rate: 1, relay: 1, listener: 1 })).toEqual(['rate', 'relay', 'listener']);
    expect(rows({ rate: 1, relay: 1, listener: 1, page: 1, browser: 1 })).toEqual(
      scenario.metrics.map(({ key }) => key),
    );
  });
});

/** What is asked, byte by byte, and what the far end writes. */
function ask(request: Request) {
  const written: Uint8Array[] = [];
  let send: (bytes: Uint8Array) => void = () => {};
  const stream: ByteStream = {
    write: (bytes) => {
      written.push(Uint8Array.from(bytes));
      return true;
    },
    whenDrained: async () => {},
    onData: (listener) => {
      send = listener;
    },
    pause: () => {},
    close: async () => {},
  };
  serve(stream);
  for (const byte of encodeRequest(request)) send(Uint8Array.of(byte));
  return { send: (bytes: Uint8Array) => send(bytes), written };
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

describe('the far end of a page', () => {
  const transfer = { hashed: true, totalBytes: 10, writeBytes: 5, reportEveryBytes: 4 };

  test.each(['page-to-node', 'node-to-page'] as const)('is asked what is meant: %s', (direction) => {
    const request: Request = { ...transfer, direction };
    expect(decodeRequest(encodeRequest(request))).toEqual(request);
  });

  test('says every so often what has arrived, and at the end', () => {
    const { send, written } = ask({ ...transfer, direction: 'page-to-node' });
    const bytes = Buffer.from('0123456789');
    for (const byte of bytes) send(Uint8Array.of(byte));
    expect(written.map((report) => decodeReport(report).count)).toEqual([4, 8, 10]);
    expect(Buffer.from(decodeReport(written[2] as Uint8Array).hash)).toEqual(sha256(bytes));
  });

  test.each([
    ['what was sent', (hash: Uint8Array) => ({ count: 10, hash }), true],
    ['less', (hash: Uint8Array) => ({ count: 9, hash }), false],
    ['something else', () => ({ count: 10, hash: sha256(Buffer.from('else')) }), false],
  ])('gives, and judges whether what the page has got is right: %s', async (_what, report, isRight) => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const { send, written } = ask({ ...transfer, direction: 'node-to-page' });
    await until(() => written.length === 2, 'both writes');
    send(encodeReport(report(sha256(Buffer.concat(written)))));
    await until(() => written.length === 3, 'the verdict');
    expect(Number.isNaN(decodeVerdict(written[2] as Uint8Array))).toBe(!isRight);
    expect(console.error).toHaveBeenCalledTimes(isRight ? 0 : 1);
    vi.restoreAllMocks();
  });
});
