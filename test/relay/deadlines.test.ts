import { expect, test } from 'vitest';
import { Deadlines } from '../../relay/deadlines.js';

const at = (deadline: number) => ({ deadline });

test('the next is known, and what is due at a time', () => {
  const deadlines = new Deadlines<{ deadline: number }>();
  const [late, soon, same] = [at(200), at(100), at(100)];
  expect(deadlines.next()).toBe(Number.POSITIVE_INFINITY);
  for (const each of [late, soon, same]) deadlines.add(each);
  expect([deadlines.size, deadlines.next(), deadlines.due(99)]).toEqual([3, 100, []]);
  expect(deadlines.due(100)).toEqual([soon, same]);
  expect(deadlines.next()).toBe(200);
  expect([deadlines.delete(soon), deadlines.delete(soon), deadlines.size]).toEqual([true, false, 2]);
  expect(deadlines.values()).toEqual([late, same]);
});

test('an early look after a deletion costs nothing but the look; with nothing left there is no next', () => {
  const deadlines = new Deadlines<{ deadline: number }>();
  const [soon, late] = [at(100), at(200)];
  for (const each of [soon, late]) deadlines.add(each);
  deadlines.delete(soon);
  expect([deadlines.due(150), deadlines.next()]).toEqual([[], 200]);
  deadlines.delete(late);
  expect(deadlines.next()).toBe(Number.POSITIVE_INFINITY);
});
