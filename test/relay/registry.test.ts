import { expect, test } from 'vitest';
import { type Registration, Registry } from '../../relay/registry.js';

function registration(name: string): Registration {
  return { name, stream: {}, connection: {} } as unknown as Registration;
}

test('created and destroyed alternate, and only the holder can end its name', () => {
  const told: string[] = [];
  const registry = new Registry({
    created: (name) => told.push(`created ${name}`),
    destroyed: (name) => told.push(`destroyed ${name}`),
  });
  const [first, second] = [registration('n'), registration('n')];
  registry.add(first);
  expect(registry.find('n')).toBe(first);
  expect(registry.remove(first)).toBe(true);
  expect(registry.remove(first)).toBe(false);
  registry.add(second);
  expect(registry.remove(first)).toBe(false);
  expect(registry.find('n')).toBe(second);
  expect([registry.size, registry.names()]).toEqual([1, ['n']]);
  registry.remove(second);
  expect([registry.size, registry.find('n')]).toEqual([0, undefined]);
  expect(told).toEqual(['created n', 'destroyed n', 'created n', 'destroyed n']);
});

test('names are told apart by case', () => {
  const registry = new Registry({ created: () => {}, destroyed: () => {} });
  registry.add(registration('a'));
  expect(registry.find('A')).toBeUndefined();
});
