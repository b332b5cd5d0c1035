import { expect, test } from 'vitest';
import { copyOut } from '../../src/core/copy-out.js';

test('a small part of a large message is copied, a large part is not', () => {
  const message = new Uint8Array(64 * 1024).fill(7);
  const small = copyOut(message.subarray(100, 200));
  expect(small.buffer.byteLength).toBe(100);
  expect([...small]).toEqual(Array(100).fill(7));
  expect(copyOut(message.subarray(0, 16 * 1024)).buffer).toBe(message.buffer);
});

test('also of a Buffer, whose own slice would not copy', () => {
  const message = Buffer.alloc(64 * 1024, 7);
  expect(copyOut(message.subarray(0, 10)).buffer.byteLength).toBe(10);
});
