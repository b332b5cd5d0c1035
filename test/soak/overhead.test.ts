import { expect, test } from 'vitest';
import { measureOverhead } from '../support/wire-overhead.js';

const FRAME_HEADER_BYTES = 8;
const LENGTH_BYTES = 4;
/** A client's: two bytes, the masking key, and two or eight more for longer messages. */
const WEBSOCKET_HEADER_BYTES = { 64: 6, 1024: 8, 65536: 14 };

test.each([64, 1024, 65536] as const)(
  'a single write of %i bytes costs one frame header, and its carrier’s',
  async (size) => {
    const tcp = await measureOverhead('tcp', 'single', size, 20);
    const webSocket = await measureOverhead('websocket', 'single', size, 20);
    const frames = Math.ceil(size / 65_000);
    expect(tcp * size - size).toBe(frames * (FRAME_HEADER_BYTES + LENGTH_BYTES));
    expect(webSocket * size - size).toBeGreaterThanOrEqual(FRAME_HEADER_BYTES + WEBSOCKET_HEADER_BYTES[size]);
    expect(webSocket * size - size).toBeLessThanOrEqual(frames * (FRAME_HEADER_BYTES + 14));
  },
);

test.each(['tcp', 'websocket'] as const)('what is written in one go over %s shares headers', async (carrier) => {
  expect(await measureOverhead(carrier, 'coalesced', 64, 2000)).toBeLessThan(1.01);
  expect(await measureOverhead(carrier, 'coalesced', 1024, 200)).toBeLessThan(1.005);
  expect(await measureOverhead(carrier, 'coalesced', 65536, 20)).toBeLessThan(1.001);
});
