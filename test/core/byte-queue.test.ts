import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteQueue } from '../../src/core/byte-queue.js';

test('takes bytes out in the order they came, in any sizes', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('push' as const), bytes: fc.uint8Array({ maxLength: 20 }) }),
    fc.record({ kind: fc.constantFrom('take' as const, 'drop' as const), count: fc.nat(30) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new ByteQueue();
      let model: number[] = [];
      for (const each of steps) {
        if (each.kind === 'push') {
          queue.push(each.bytes);
          model = [...model, ...each.bytes];
        } else {
          const count = Math.min(each.count, model.length);
          const target = new Uint8Array(count + 2).fill(0xaa);
          if (each.kind === 'take') {
            queue.moveTo(target, 1, count);
            expect([...target]).toEqual([0xaa, ...model.slice(0, count), 0xaa]);
          } else queue.drop(count);
          model = model.slice(count);
        }
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
