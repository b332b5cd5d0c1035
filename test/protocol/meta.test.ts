import { expect, test } from 'vitest';
import { isMetaWithin, type Json, normalizeMeta } from '../../src/protocol/meta.js';

const MAX = 8192;

test('undefined is no meta', () => {
  expect(normalizeMeta(undefined, MAX)).toBeNull();
  expect(normalizeMeta(undefined, 0)).toBeNull();
});

test.each([null, true, 0, '', 'text', [], {}, [1, [2, { a: null }]]])('%j stays as it is', (value) => {
  expect(normalizeMeta(value, MAX)).toEqual(value);
});

test('what JSON drops is dropped here already, so both sides see the same', () => {
  const given = { at: new Date(0), nothing: undefined, call: () => {}, not: Number.NaN, list: [undefined] };
  expect(normalizeMeta(given, MAX)).toEqual({ at: '1970-01-01T00:00:00.000Z', not: null, list: [null] });
});

test('it is a copy', () => {
  const given = { inner: { count: 1 } };
  const copy = normalizeMeta(given, MAX);
  given.inner.count = 2;
  expect(copy).toEqual({ inner: { count: 1 } });
});

test('a key of __proto__ is data and no prototype', () => {
  const copy = normalizeMeta(JSON.parse('{"__proto__":{"admin":true}}'), MAX) as Record<string, Json>;
  expect(copy.admin).toBeUndefined();
  expect(Object.keys(copy)).toEqual(['__proto__']);
});

test.each([
  ['a function', () => {}],
  ['a symbol', Symbol('s')],
  ['a BigInt', 1n],
  ['a toJSON that returns nothing', { toJSON() {} }],
])('%s is no JSON value', (_what, value) => {
  expect(() => normalizeMeta(value, MAX)).toThrow(TypeError);
});

test('a cycle is no JSON value, and the cause says why', () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  expect(() => normalizeMeta(cycle, MAX)).toThrow(
    expect.objectContaining({ name: 'TypeError', cause: expect.any(TypeError) }),
  );
});

test('a toJSON that throws is a TypeError with its message', () => {
  const broken = {
    toJSON() {
      throw new Error('not today');
    },
  };
  expect(() => normalizeMeta(broken, MAX)).toThrow(/not today/);
});

test.each([
  ['ASCII', 'a'.repeat(98), 'a'.repeat(99)],
  ['three bytes a character', '€'.repeat(32), '€'.repeat(33)],
  ['escaped', '\u0001'.repeat(16), '\u0001'.repeat(17)],
])('the limit counts bytes of JSON text: %s', (_what, fits, exceeds) => {
  expect(normalizeMeta(fits, 100)).toBe(fits);
  expect(() => normalizeMeta(exceeds, 100)).toThrow(expect.objectContaining({ code: 'LIMIT_BYTES' }));
  expect(isMetaWithin(fits, 100)).toBe(true);
  expect(isMetaWithin(exceeds, 100)).toBe(false);
});

function nested(levels: number, wrap: (inner: Json) => Json): Json {
  let value: Json = 1;
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
}

test.each([
  ['arrays', (inner: Json): Json => [inner]],
  ['objects', (inner: Json): Json => ({ a: inner })],
])('64 levels of %s are enough', (_what, wrap) => {
  expect(isMetaWithin(nested(64, wrap), MAX)).toBe(true);
  expect(isMetaWithin(nested(65, wrap), MAX)).toBe(false);
  expect(() => normalizeMeta(nested(64, wrap), MAX)).not.toThrow();
  expect(() => normalizeMeta(nested(65, wrap), MAX)).toThrow(expect.objectContaining({ code: 'LIMIT_BYTES' }));
});

test('from the wire, even the deepest that a control frame holds overflows nothing', () => {
  const deepest = JSON.parse(`${'['.repeat(8000)}${']'.repeat(8000)}`) as Json;
  expect(isMetaWithin(deepest, MAX)).toBe(false);
});
