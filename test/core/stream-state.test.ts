import { describe, expect, test } from 'vitest';
import { nextPhase, type StreamInput, type StreamPhase } from '../../src/core/stream-state.js';

const PHASES: StreamPhase[] = ['new', 'opening', 'incoming', 'open', 'lingering', 'closed'];

/** One row an input; the columns are the phases above. `-` is a breach by the peer or a defect of ours. */
const EXPECTED: Record<StreamInput, string> = {
  //                     new       opening   incoming  open      lingering closed
  'send OPEN': /*     */ 'opening  -         -         -         -         -',
  'receive OPEN': /*  */ 'incoming -         -         -         -         -',
  'send ACCEPT': /*   */ '-        -         open      -         -         -',
  'send RESET': /*    */ 'closed   lingering lingering lingering -         -',
  'both halves done': /**/ '-      -         -         lingering -         -',
  'receive ACCEPT': /**/ '-        open      -         -         lingering -',
  'receive RESET': /* */ '-        closed    closed    closed    closed    -',
  'receive DETACH': /**/ '-        opening   incoming  open      lingering -',
  'receive CLOSE': /* */ '-        -         -         -         closed    -',
  'receive DATA': /*  */ '-        -         incoming  open      lingering -',
  'receive CREDIT': /**/ '-        -         -         open      lingering -',
  'receive END': /*   */ '-        -         incoming  open      lingering -',
  'receive END_ACK': /**/ '-       -         -         open      lingering -',
  'receive OFFER': /* */ '-        -         -         open      lingering -',
  'receive REFUSE': /**/ '-        -         -         open      lingering -',
};

const CASES = Object.entries(EXPECTED).flatMap(([input, row]) =>
  row.split(/ +/).map((next, column) => ({ input: input as StreamInput, phase: PHASES[column]!, next })),
);

test('the table names every phase and every input', () => {
  expect(CASES).toHaveLength(PHASES.length * 15);
});

describe.each(CASES)('$input while $phase', ({ input, phase, next }) => {
  test(next === '-' ? 'is refused' : `leads to ${next}`, () => {
    if (next !== '-') return expect(nextPhase(phase, input)).toBe(next);
    const code = input.startsWith('receive') ? 'PROTOCOL' : 'INTERNAL';
    expect(() => nextPhase(phase, input)).toThrow(expect.objectContaining({ code }));
  });
});
