/** Whether a test misses each guard when it is gone takes minutes: test/tools/mutations.ts. That the guards are there does not. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GUARDS } from '../tools/guards.js';

test.each(GUARDS.map((guard) => [guard.name, guard] as const))('%s', (_, { file, text, disabled, tests }) => {
  expect(readFileSync(file, 'utf8').split(text)).toHaveLength(2);
  expect(disabled).not.toBe(text);
  expect(tests.length).toBeGreaterThan(0);
  expect(tests.filter((each) => !existsSync(each))).toEqual([]);
});

test('each has a name of its own', () => {
  expect(new Set(GUARDS.map(({ name }) => name)).size).toBe(GUARDS.length);
});
