import { beforeEach, expect, test } from 'vitest';
import { type Holder, type Lease, Registry } from '../../relay/registry.js';

const LEASE: Lease = { owner: 'me', claim: 1, endpoint: undefined };

function holder(name: string): Holder {
  return { name, stream: {}, connection: {} } as unknown as Holder;
}

let told: string[];
let registry: Registry;

beforeEach(() => {
  told = [];
  registry = new Registry({
    created: (name) => told.push(`created ${name}`),
    destroyed: (name) => told.push(`destroyed ${name}`),
  });
});

test('created and destroyed alternate, and tell of nothing between', () => {
  const [first, second] = [holder('n'), holder('n')];
  registry.hold(first, LEASE);
  expect([registry.holderOf('n'), registry.isHeldBy(first)]).toEqual([first, true]);
  registry.hold(second, { ...LEASE, claim: 2 });
  expect([registry.isHeldBy(first), registry.isHeldBy(second)]).toEqual([false, true]);
  registry.reserve(second, 100, 'here');
  registry.hold(first, LEASE);
  expect([registry.size, registry.names()]).toEqual([1, ['n']]);
  registry.remove('n');
  registry.remove('n');
  expect([registry.size, registry.find('n')]).toEqual([0, undefined]);
  registry.hold(first, LEASE);
  expect(told).toEqual(['created n', 'destroyed n', 'created n']);
});

test('a reserved name has no holder, keeps its lease, and expires', () => {
  registry.hold(holder('n'), LEASE);
  const returning = holder('m');
  registry.hold(returning, LEASE);
  registry.reserve(registry.holderOf('n')!, 100, 'here');
  registry.reserve(returning, 50, 'here');
  expect([registry.holderOf('n'), registry.find('n')?.lease, registry.reservedCount]).toEqual([undefined, LEASE, 2]);
  expect(registry.nextDeadline()).toBe(50);
  registry.hold(returning, LEASE);
  expect(registry.expired(99)).toEqual([]);
  expect(registry.expired(100)).toEqual(['n']);
  registry.remove('n');
  expect([registry.names(), registry.reservedCount, registry.nextDeadline()]).toEqual([
    ['m'],
    0,
    Number.POSITIVE_INFINITY,
  ]);
});

test('of those that are reserved the last of the source that has most gives way, until it is not reserved any more', () => {
  for (const [name, source] of [
    ['a1', 'a'],
    ['b1', 'b'],
    ['a2', 'a'],
  ] as const) {
    registry.hold(holder(name), LEASE);
    registry.reserve(registry.holderOf(name)!, 100, source);
  }
  expect([registry.rivalOf('c')?.name, registry.rivalOf('b')?.name]).toEqual(['a2', undefined]);
  registry.hold(holder('a2'), LEASE);
  expect(registry.rivalOf('c')).toBeUndefined();
});

test('its next deadline is that of names to be told of as well', () => {
  registry.changes.add('n');
  registry.changes.advance(10);
  registry.changes.add('n');
  expect(registry.nextDeadline()).toBe(60);
  registry.hold(holder('n'), LEASE);
  registry.reserve(registry.holderOf('n')!, 20, 'here');
  expect(registry.nextDeadline()).toBe(20);
});

test('names are told apart by case', () => {
  registry.hold(holder('a'), LEASE);
  expect(registry.find('A')).toBeUndefined();
});
