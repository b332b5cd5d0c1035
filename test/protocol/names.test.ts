import { expect, test } from 'vitest';
import { TrunklineError } from '../../src/protocol/errors.js';
import { assertName, isName, MAX_NAME_LENGTH } from '../../src/protocol/names.js';

test.each(['a', '0', 'Z', 'a.b', 'a_b', 'a:b', 'a@b', 'a~b', 'a-b', 'a--', 'x'.repeat(MAX_NAME_LENGTH)])(
  '%s is a name',
  (name) => {
    expect(isName(name)).toBe(true);
    expect(() => assertName(name)).not.toThrow();
  },
);

const SIGNS = [...'._:@~-'];
test.each([
  '',
  ...SIGNS,
  ...SIGNS.map((sign) => `${sign}a`),
  ' a',
  'a ',
  'a\n',
  'a\u0000',
  'a/b',
  'a%20b',
  'é',
  'а', // Cyrillic, looks like "a"
  'a\u0301',
  'a\u200b',
  '\u{1f600}',
  'x'.repeat(MAX_NAME_LENGTH + 1),
])('%j is not a name', (name) => {
  expect(isName(name)).toBe(false);
});

test.each([undefined, null, 5, {}, ['a'], new String('a')])('%o is not a name either', (value) => {
  expect(isName(value)).toBe(false);
  expect(() => assertName(value)).toThrow(expect.objectContaining({ code: 'BAD_NAME' }));
});

test('the error shows the beginning of a long name, and the grammar', () => {
  const wrong = `-${'x'.repeat(10_000)}`;
  try {
    assertName(wrong);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(TrunklineError);
    const { message } = error as Error;
    expect(message.length).toBeLessThan(200);
    expect(message).toContain('"-xxx');
    expect(message).toContain('1 to 128');
  }
});
