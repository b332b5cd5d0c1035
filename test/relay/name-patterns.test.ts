import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchesPattern } from '../../relay/name-patterns.js';

describe('a pattern stands for', () => {
  test.each([
    ['room:1', 'room:1'],
    ['room:*', 'room:1'],
    ['room:*', 'room:'],
    ['room:*', 'room:1:chat'],
    ['*', 'anything'],
    ['*', ''],
    ['**', 'x'],
    ['*:chat', 'room:chat'],
    ['room:*:chat', 'room:1:chat'],
    ['room:*:chat', 'room:a:chat:chat'],
    ['a*b*c', 'abc'],
    ['a*b*b*c', 'a-b-b-c'],
    ['a*a', 'aa'],
  ])('%s: %s', (pattern, name) => {
    expect(matchesPattern(pattern, name)).toBe(true);
  });
});

describe('and not for', () => {
  test.each([
    ['room:1', 'room:10'],
    ['room:1', 'a-room:1'],
    ['room:1', 'ROOM:1'],
    ['room:*', 'room'],
    ['room:*', 'rooms:1'],
    ['room:*', 'my-room:1'],
    ['*:chat', 'room:chat2'],
    ['room:*:chat', 'room:chat'],
    ['a*a', 'a'],
    ['a*ab*b', 'ab'],
    ['a*b*b*c', 'a-b-c'],
    ['', 'x'],
    // Nothing but the star is special.
    ['room.1', 'room:1'],
    ['room:?', 'room:1'],
    ['room:[12]', 'room:1'],
    ['.*', 'x'],
    ['^room:1$', 'room:1'],
    ['room:\\*', 'room:*'],
  ])('%s: %s', (pattern, name) => {
    expect(matchesPattern(pattern, name)).toBe(false);
  });
});

test('it agrees with a regular expression made of it', () => {
  const text = (characters: string[]) => fc.string({ unit: fc.constantFrom(...characters), maxLength: 12 });
  fc.assert(
    fc.property(text(['a', 'b', '*']), text(['a', 'b']), (pattern, name) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '[ab]*')}$`).test(name);
      expect(matchesPattern(pattern, name)).toBe(expected);
    }),
    { numRuns: 5_000 },
  );
});

test('no pattern makes it look at a name again and again', () => {
  // By backtracking this would take longer than the universe has been there.
  expect(matchesPattern(`${'a*'.repeat(4_000)}b`, 'a'.repeat(128))).toBe(false);
  expect(matchesPattern(`${'*a'.repeat(60)}*b*`, 'a'.repeat(128))).toBe(false);
});

describe('a pattern in the place of a name: all it stands for is allowed', () => {
  test.each([
    ['room:*', 'room:*', true],
    ['room:*', 'room:1*', true],
    ['room:*', 'room:*:chat', true],
    ['*', '*', true],
    ['room:1', 'room:*', false],
    ['room:1*', 'room:*', false],
    ['room:*', '*', false],
    ['room:*', 'room*', false],
    ['room:*:chat', 'room:*', false],
  ])('%s for %s: %s', (granted, asked, expected) => {
    expect(matchesPattern(granted, asked)).toBe(expected);
  });
});
