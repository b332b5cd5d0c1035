import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { LateRefusals } from '../../relay/late-refusals.js';
import { SteppedClock } from '../runtime/stepped-clock.js';

function start() {
  const clock = new SteppedClock();
  const refusals = new LateRefusals(clock);
  const refuse = (): PassThrough => {
    const socket = new PassThrough();
    refusals.refuse(socket, 503, 'too often');
    return socket;
  };
  return { clock, refusals, refuse };
}

const said = (socket: PassThrough): string => String(socket.read() ?? '').split('\r\n')[0] as string;

test('who is refused is told so after half a second, and not before', () => {
  const { clock, refusals, refuse } = start();
  const socket = refuse();
  clock.elapse(499);
  expect([said(socket), refusals.size]).toEqual(['', 1]);
  clock.elapse(1);
  expect([said(socket), refusals.size]).toEqual(['HTTP/1.1 503 Service Unavailable', 0]);
  expect(clock.timerCount).toBe(0);
});

test('who leaves before, or breaks, is forgotten', async () => {
  const { clock, refusals, refuse } = start();
  const [left, broken] = [refuse(), refuse()];
  left.destroy();
  broken.destroy(new Error('reset by peer'));
  await new Promise(setImmediate);
  expect([refusals.size, clock.timerCount]).toEqual([0, 0]);
});

test('past so many nobody is told', () => {
  const { refusals, refuse } = start();
  const sockets = Array.from({ length: 513 }, refuse);
  expect(sockets.map(({ destroyed }) => destroyed).indexOf(true)).toBe(512);
  expect(refusals.size).toBe(512);
  refusals.close();
});

test('nobody waits any longer once the relay closes', () => {
  const { clock, refusals, refuse } = start();
  const sockets = [refuse(), refuse()];
  refusals.close();
  expect(sockets.map(said)).toEqual(Array(2).fill('HTTP/1.1 503 Service Unavailable'));
  expect([refusals.size, clock.timerCount]).toEqual([0, 0]);
});
