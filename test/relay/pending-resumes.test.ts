import { expect, test } from 'vitest';
import type { Leg } from '../../relay/leg.js';
import { type PendingResume, PendingResumes } from '../../relay/pending-resumes.js';

const leg = (): Leg => ({}) as Leg;

function parked(endpoint: string, deadline: number): PendingResume {
  return { kind: 'parked', leg: leg(), endpoint, deadline, isCut: false } as PendingResume;
}

function asked(endpoint: string, deadline: number): PendingResume & { far: Leg } {
  return { kind: 'asked', leg: leg(), far: leg(), endpoint, deadline } as PendingResume & { far: Leg };
}

test('is found by its legs and, while it is parked, by its endpoint, until it is removed', () => {
  const all = new PendingResumes();
  const [one, two, other, there] = [parked('e', 1), parked('e', 2), parked('f', 3), asked('e', 4)];
  for (const each of [one, two, other, there]) all.add(each);
  expect([all.size, all.all()]).toEqual([4, [one, two, other, there]]);
  expect(all.parkedFor('e')).toEqual([one, two]);
  expect([all.ofLeg(one.leg), all.ofLeg(there.leg), all.ofLeg(there.far)]).toEqual([one, there, there]);
  for (const each of [one, one, there]) all.remove(each);
  expect([all.ofLeg(one.leg), all.ofLeg(there.leg), all.ofLeg(there.far)]).toEqual([undefined, undefined, undefined]);
  expect([all.size, all.parkedFor('e')]).toEqual([2, [two]]);
  expect([all.nextDeadline(), all.expired(2)]).toEqual([1, [two]]);
  for (const each of [two, other]) all.remove(each);
  expect([all.size, all.parkedFor('e'), all.parkedFor('f'), all.nextDeadline()]).toEqual([
    0,
    [],
    [],
    Number.POSITIVE_INFINITY,
  ]);
});
