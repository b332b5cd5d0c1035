import { afterEach, describe, expect, test } from 'vitest';
import { openTunnelPair, type TunnelPair } from '../support/tunnel-pair.js';
import { grownBytes, openStreams, sendBytes } from './leakage-run.js';

const MIB = 1024 * 1024;

describe.each(['tcp', 'websocket'] as const)('a tunnel over %s', (carrier) => {
  let pair: TunnelPair;
  afterEach(() => pair.close());

  test('keeps nothing of what it has carried: 96 MiB', async () => {
    pair = await openTunnelPair(carrier);
    expect(grownBytes(await sendBytes(pair, 96, 8))).toBeLessThan(2 * MIB);
  });

  test('keeps nothing of streams that are over: 4,000', async () => {
    pair = await openTunnelPair(carrier);
    expect(grownBytes(await openStreams(pair, 4_000, 8))).toBeLessThan(2 * MIB);
  });
});
