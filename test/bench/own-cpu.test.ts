import { expect, test } from 'vitest';
import { countAsOwn, ownCpuMs } from '../../bench/own-cpu.js';

/** Far beyond what this process uses meanwhile. */
const MUCH_MS = 1e9;

test('what has ended stays counted as it was at the end, and is not asked again', async () => {
  let usedMs = MUCH_MS;
  const before = await ownCpuMs();
  const end = countAsOwn(async () => usedMs);
  const inMuch = async () => Math.round(((await ownCpuMs()) - before) / MUCH_MS);
  expect(await inMuch()).toBe(1);
  usedMs = 3 * MUCH_MS;
  expect(await inMuch()).toBe(3);
  await end();
  usedMs = 7 * MUCH_MS;
  expect(await inMuch()).toBe(3);
});
