import { describe, expect, test } from 'vitest';
import { nextPhase, type StreamInput, type StreamPhase } from '../../src/core/stream-state.js';

const PHASES: StreamPhase[] = ['new', 'opening', 'incoming', 'open', 'closed'];

/** One row an input; the columns are the phases above. `-` is a breach by the peer or a defect of ours. */
const EXPECTED: Record<StreamInput, string> = {
  //                     new       opening  incoming  open      closed
  'send OPEN': /*     */ 'opening  -        -         -         -',
  'receive OPEN': /*  */ 'incoming -        -         -         -',
  'send ACCEPT': /*   */ '-        -        open      -         -',
  'send RESET': /*    */ 'closed   closed   closed    closed    -',
  'both halves done': /**/ '-      -        -         closed    -',
  'receive ACCEPT': /**/ '-        open     -         -         -',
  'receive RESET': /* */ '-        closed   closed    closed    -',
  'receive DATA': /*  */ '-        -        incoming  open      -',
  'receive CREDIT': /**/ '-        -        -         open      -',
  'receive END': /*   */ '-        -        incoming  open      -',
  'receive END_ACK': /**/ '-       -        -         open      -',
  'receive OFFER': /* */ '-        -        -         open      -',
  'receive REFUSE': /**/ '-        -        -         open      -',
};

const CASES = Object.entries(EXPECTED).flatMap(([input, row]) =>
  row.split(/ +/).map((next, column) => ({ input: input as StreamInput, phase: PHASES[column]!, next })),
);

test('the table names every phase and every input', () => {
  expect(CASES).toHaveLength(PHASES.length * 13);
});

describe.each(CASES)('$input while $phase', ({ input, phase, next }) => {
  test(next === '-' ? 'is refused' : `leads to ${next}`, () => {
    if (next !== '-') return expect(nextPhase(phase, input)).toBe(next);
    const code = input.startsWith('receive') ? 'PROTOCOL' : 'INTERNAL';
    expect(() => nextPhase(phase, input)).toThrow(expect.objectContaining({ code }));
  });
});
