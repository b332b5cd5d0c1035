import { expect, test } from 'vitest';
import { KeepAlive } from '../../src/core/keep-alive.js';

const HEARTBEAT = { intervalMs: 100, timeoutMs: 50 };

test('the pinger pings once an interval', () => {
  const keepAlive = new KeepAlive(HEARTBEAT, true, 1000);
  expect(keepAlive.nextDeadline()).toBe(1100);
  expect(keepAlive.takePingDue(1099)).toBe(false);
  expect(keepAlive.takePingDue(1100)).toBe(true);
  expect(keepAlive.takePingDue(1100)).toBe(false);
  expect(keepAlive.takePingDue(1200)).toBe(true);
});

test('the other side never does; its one deadline is the death of the peer', () => {
  const keepAlive = new KeepAlive(HEARTBEAT, false, 1000);
  expect(keepAlive.nextDeadline()).toBe(1150);
  expect(keepAlive.takePingDue(5000)).toBe(false);
});

test.each([true, false])('silence is death after interval and timeout (pinger: %s)', (isPinger) => {
  const keepAlive = new KeepAlive(HEARTBEAT, isPinger, 1000);
  expect(keepAlive.isDead(1149)).toBe(false);
  expect(keepAlive.isDead(1150)).toBe(true);
  keepAlive.heard(1149);
  expect(keepAlive.isDead(1298)).toBe(false);
  expect(keepAlive.isDead(1299)).toBe(true);
});

test('what it sends proves nothing about the peer', () => {
  const keepAlive = new KeepAlive(HEARTBEAT, true, 0);
  keepAlive.takePingDue(100);
  expect(keepAlive.nextDeadline()).toBe(150);
  expect(keepAlive.isDead(150)).toBe(true);
});
