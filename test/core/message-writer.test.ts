import { expect, test } from 'vitest';
import { MessageWriter } from '../../src/core/message-writer.js';
import { joinMessage } from '../../src/protocol/message-parts.js';

const bytes = (...values: number[]) => Uint8Array.from(values);

test('nothing written is no message', () => {
  const message = new MessageWriter(new Uint8Array(10));
  expect([message.length, message.room, message.finish()]).toEqual([0, 10, undefined]);
});

test('what is only copied is one part, as long as what was written', () => {
  const message = new MessageWriter(new Uint8Array(10));
  message.copy(bytes(1, 2, 3));
  message.copy(bytes(4));
  expect([message.length, message.room]).toEqual([4, 6]);
  expect(message.finish()).toEqual([bytes(1, 2, 3, 4)]);
});

test('memory that is filled to the end is itself the part', () => {
  const target = new Uint8Array(2);
  const message = new MessageWriter(target);
  message.copy(bytes(1, 2));
  expect(message.finish()?.[0]).toBe(target);
});

test('what is passed is a part itself, where it was written; the copies around it share their memory', () => {
  const target = new Uint8Array(8);
  const message = new MessageWriter(target);
  const [first, second, third] = [bytes(10, 11), bytes(20), bytes(30, 31, 32)];
  message.pass(first);
  message.copy(bytes(1, 2));
  // As a header is written, whose bytes are skipped at first.
  message.at += 2;
  message.pass(second);
  message.pass(third);
  message.copy(bytes(5));
  target.set(bytes(3, 4), 2);
  expect([message.length, message.room]).toEqual([11, 3]);

  const parts = message.finish()!;
  expect(parts.map((part) => part.length)).toEqual([2, 4, 1, 3, 1]);
  expect([parts[0], parts[2], parts[3]].map((part, index) => part === [first, second, third][index])).toEqual([
    true,
    true,
    true,
  ]);
  expect([parts[1]?.buffer, parts[4]?.buffer]).toEqual([target.buffer, target.buffer]);
  expect([...joinMessage(parts)]).toEqual([10, 11, 1, 2, 3, 4, 20, 30, 31, 32, 5]);
});

test('passing takes no room', () => {
  const message = new MessageWriter(new Uint8Array(1));
  message.pass(new Uint8Array(1_000_000));
  expect([message.length, message.room]).toEqual([1_000_000, 1]);
});

test('more than there is room for is refused, and no byte of it written', () => {
  const target = new Uint8Array(3);
  const message = new MessageWriter(target);
  message.copy(bytes(1));
  expect(() => message.copy(bytes(2, 3, 4))).toThrow(RangeError);
  expect([message.length, [...target]]).toEqual([1, [1, 0, 0]]);
});

test('a message in several parts is joined into memory of its own, one in a single part is that part', () => {
  const part = bytes(1, 2);
  expect(joinMessage([part])).toBe(part);
  const joined = joinMessage([part, bytes(3)]);
  part.fill(0);
  expect([...joined]).toEqual([1, 2, 3]);
});
