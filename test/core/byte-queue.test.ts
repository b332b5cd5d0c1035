import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteQueue } from '../../src/core/byte-queue.js';

test('takes bytes out in the order they came, in any sizes', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('push' as const, 'copy' as const), bytes: fc.uint8Array({ maxLength: 20 }) }),
    fc.record({ kind: fc.constantFrom('take' as const, 'drop' as const, 'own' as const), count: fc.nat(30) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new ByteQueue();
      let model: number[] = [];
      /** Which of them lie in the memory that was pushed. */
      let borrowed: number[] = [];
      for (const each of steps) {
        if ('bytes' in each) {
          model = [...model, ...each.bytes];
          borrowed = [...borrowed, ...each.bytes.map(() => Number(each.kind === 'push'))];
          if (each.kind === 'push') queue.push(each.bytes);
          else {
            queue.pushCopy(each.bytes);
            each.bytes.fill(0xbb);
          }
        } else if (each.kind === 'own') {
          queue.ownRest(each.count);
          if (model.length <= each.count) borrowed = model.map(() => 0);
        } else {
          const count = Math.min(each.count, model.length);
          const target = new Uint8Array(count + 2).fill(0xaa);
          if (each.kind === 'take') {
            queue.moveTo(target, 1, count);
            expect([...target]).toEqual([0xaa, ...model.slice(0, count), 0xaa]);
          } else queue.drop(count);
          model = model.slice(count);
          borrowed = borrowed.slice(count);
        }
        expect(queue.borrowedBytes).toBe(borrowed.reduce((sum, one) => sum + one, 0));
        expect(queue.length).toBe(model.length);
      }
    }),
    { numRuns: 200 },
  );
});

test('clear leaves nothing', () => {
  const queue = new ByteQueue();
  queue.push(Uint8Array.of(1, 2));
  queue.clear();
  expect(queue.length).toBe(0);
});
