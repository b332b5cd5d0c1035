import { expect, test } from 'vitest';
import { runVector } from './runner.js';
import { loadVectors } from './vectors.js';

const file = loadVectors();

test.each(file.vectors.map((vector) => [vector.rules.join(' '), vector.id, vector.title, vector] as const))(
  '%s %s: %s',
  (_rules, _id, _title, vector) => runVector(vector, file),
);

test('every vector has an id of its own', () => {
  const ids = file.vectors.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});
