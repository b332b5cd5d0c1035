import { expect, test } from 'vitest';
import { type PendingConnect, PendingConnects } from '../../relay/pending-connects.js';

let count = 0;
function waiting(name: string, deadline: number): PendingConnect {
  return { kind: 'waiting', leg: {}, open: {}, name, waitUntil: deadline, deadline } as unknown as PendingConnect;
}

function offered(name: string, deadline: number): PendingConnect {
  const offerId = `offer ${++count}`;
  return { kind: 'offered', leg: {}, open: {}, name, waitUntil: 0, deadline, offerId } as unknown as PendingConnect;
}

const offerIdOf = (pending: PendingConnect) => (pending as { offerId: string }).offerId;

test('is found by leg, by name and by offer until it is removed', () => {
  const all = new PendingConnects();
  const [one, two, other] = [offered('n', 1), waiting('n', 2), waiting('m', 3)];
  for (const each of [one, two, other]) all.add(each);
  expect(all.size).toBe(3);
  expect(all.ofLeg(two.leg)).toBe(two);
  expect(all.ofName('n')).toEqual([one, two]);
  expect(all.countOfName('n')).toBe(2);
  expect(all.ofOffer(offerIdOf(one))).toBe(one);
  all.remove(one);
  all.remove(one);
  expect(all.ofOffer(offerIdOf(one))).toBeUndefined();
  expect(all.ofLeg(one.leg)).toBeUndefined();
  expect([all.size, all.countOfName('n')]).toEqual([2, 1]);
  all.remove(two);
  all.remove(other);
  expect([all.size, all.countOfName('n'), all.ofName('m'), all.nextDeadline()]).toEqual([
    0,
    0,
    [],
    Number.POSITIVE_INFINITY,
  ]);
});

test('the earliest deadline is known, and who it has come for', () => {
  const all = new PendingConnects();
  const [late, soon] = [waiting('n', 200), waiting('m', 100)];
  all.add(late);
  all.add(soon);
  expect(all.nextDeadline()).toBe(100);
  expect(all.expired(99)).toEqual([]);
  expect(all.expired(100)).toEqual([soon]);
  all.remove(soon);
  expect(all.nextDeadline()).toBe(200);
  expect(all.expired(1000)).toEqual([late]);
});

test('an early look after a removal costs nothing but the look', () => {
  const all = new PendingConnects();
  const [soon, late] = [waiting('n', 100), waiting('n', 200)];
  all.add(soon);
  all.add(late);
  all.remove(soon);
  expect(all.expired(150)).toEqual([]);
  expect(all.nextDeadline()).toBe(200);
});
