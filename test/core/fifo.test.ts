import { expect, test } from 'vitest';
import { Fifo } from '../../src/core/fifo.js';

const item = (value: number) => ({ value });

test('what went in first comes out first, through any number of compactions', () => {
  const fifo = new Fifo<{ value: number }>();
  let pushed = 0;
  let shifted = 0;
  for (let round = 0; round < 200; round++) {
    for (let count = 0; count < 50; count++) fifo.push(item(pushed++));
    for (let count = 0; count < 47; count++) expect(fifo.shift()).toEqual(item(shifted++));
    expect(fifo.length).toBe(pushed - shifted);
    expect(fifo.first).toEqual(item(shifted));
  }
  while (fifo.length > 0) expect(fifo.shift()).toEqual(item(shifted++));
  expect(shifted).toBe(pushed);
});

test('empty, it has nothing to give; cleared, neither', () => {
  const fifo = new Fifo<{ value: number }>();
  expect([fifo.first, fifo.shift(), fifo.length]).toEqual([undefined, undefined, 0]);
  fifo.push(item(1));
  fifo.clear();
  expect([fifo.first, fifo.shift(), fifo.length]).toEqual([undefined, undefined, 0]);
});

test('the first can be replaced by what is left of it', () => {
  const fifo = new Fifo<{ value: number }>();
  fifo.push(item(1));
  fifo.push(item(2));
  fifo.replaceFirst(item(9));
  expect([fifo.shift(), fifo.shift()]).toEqual([item(9), item(2)]);
});

test('keeps neither what has left nor, for long, its place', () => {
  const fifo = new Fifo<{ value: number }>();
  const inside = fifo as unknown as { items: unknown[] };
  for (let count = 0; count < 5000; count++) fifo.push(item(count));
  for (let count = 0; count < 100; count++) fifo.shift();
  expect(inside.items.slice(0, 100).every((place) => place === undefined)).toBe(true);
  for (let count = 100; count < 4990; count++) fifo.shift();
  expect(inside.items.length).toBeLessThan(600);
  while (fifo.length > 0) fifo.shift();
  expect(inside.items).toHaveLength(0);
});
