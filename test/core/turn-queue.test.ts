import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TurnQueue } from '../../src/core/turn-queue.js';
import { FakeAttachment } from './fake-attachment.js';

const attachments = Array.from({ length: 6 }, (_, index) => new FakeAttachment(index));

test('is a list without duplicates: whatever is added, removed and taken', () => {
  const step = fc.record({ kind: fc.constantFrom('add', 'remove', 'take'), index: fc.nat(attachments.length - 1) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new TurnQueue();
      const model: FakeAttachment[] = [];
      for (const { kind, index } of steps) {
        const attachment = kind === 'take' ? queue.first : attachments[index];
        if (kind === 'add') {
          queue.add(attachment!);
          if (!model.includes(attachment as FakeAttachment)) model.push(attachment as FakeAttachment);
        } else if (attachment !== undefined) {
          queue.remove(attachment);
          const at = model.indexOf(attachment as FakeAttachment);
          if (at >= 0) model.splice(at, 1);
        }
        expect([queue.size, queue.first, ...queue]).toEqual([model.length, model[0], ...model]);
      }
    }),
  );
});

test('clear leaves nothing', () => {
  const queue = new TurnQueue();
  queue.add(attachments[0]!);
  queue.clear();
  expect([queue.size, queue.first, ...queue]).toEqual([0, undefined]);
  queue.add(attachments[0]!);
  expect(queue.first).toBe(attachments[0]);
});
