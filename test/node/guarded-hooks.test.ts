import { describe, expect, it } from 'vitest';
import { guardPick, guardVerify, type HandleProtocols } from '../../src/node/guarded-hooks.js';
import { until } from '../support/until.js';

const MADE_UP = new Error('made up');

/** What hooks are given besides: nothing here looks at it. */
const ANYTHING = {} as never;

function broken(_done?: unknown): never {
  throw MADE_UP;
}

/** Asks a `verifyClient` of either kind: all its answers, and all that was reported, in a moment. */
async function verdictsOf(verifyClient: (info: object, answer: (...verdict: unknown[]) => void) => unknown) {
  const answers: unknown[][] = [];
  const reports: unknown[][] = [];
  const guarded = guardVerify(verifyClient as never, (...report) => reports.push(report));
  guarded(ANYTHING, (...verdict) => answers.push(verdict));
  await until(() => answers.length > 0, 'an answer');
  // An answer too many would come in the same turn.
  await new Promise((resolve) => setImmediate(resolve));
  return { answers, reports };
}

const FAILED = { answers: [[false, 500]], reports: [[MADE_UP, 'verifyClient']] };

describe('a verifyClient', () => {
  it.each<[string, (info: object) => unknown]>([
    ['throws', (_info) => broken()],
    ['rejects', async (_info) => broken()],
  ])('that %s refuses with a 500, and is reported', async (_what, verifyClient) => {
    expect(await verdictsOf(verifyClient)).toEqual(FAILED);
  });

  it.each<[string, (info: object, answer: (verified: boolean) => void) => unknown]>([
    ['throws', (_info, _answer) => broken()],
    ['rejects', async (_info, _answer) => broken()],
  ])('that calls back, but %s, refuses with a 500, and is reported', async (_what, verifyClient) => {
    expect(await verdictsOf(verifyClient)).toEqual(FAILED);
  });

  it.each<[string, (info: object, answer: (verified: boolean) => void) => unknown]>([
    ['throws', (_info, answer) => broken(answer(true))],
    ['rejects', async (_info, answer) => broken(answer(true))],
  ])('that %s after its answer has answered, and is reported', async (_what, verifyClient) => {
    expect(await verdictsOf(verifyClient)).toEqual({ answers: [[true]], reports: FAILED.reports });
  });

  it('answers once, with all that it says', async () => {
    const { answers, reports } = await verdictsOf((_info, answer) => {
      answer(false, 403, 'not you', { 'Retry-After': 5 });
      answer(true);
    });
    expect(answers).toEqual([[false, 403, 'not you', { 'Retry-After': 5 }]]);
    expect(reports).toEqual([]);
  });

  it.each([true, false])('that returns or resolves to %s has answered that', async (isWelcome) => {
    const expected = { answers: [[isWelcome]], reports: [] };
    expect(await verdictsOf((_info) => isWelcome)).toEqual(expected);
    expect(await verdictsOf(async (_info) => isWelcome)).toEqual(expected);
  });
});

describe('a handleProtocols', () => {
  function picks(pick: (...asked: Parameters<HandleProtocols>) => unknown) {
    const reports: unknown[][] = [];
    const guarded = guardPick(pick as HandleProtocols, (...report) => reports.push(report), 'otherwise' as const);
    return { picked: guarded(new Set(['chat']), ANYTHING), reports };
  }

  it('picks', () => {
    expect(picks(([first]) => first)).toEqual({ picked: 'chat', reports: [] });
    expect(picks(() => false)).toEqual({ picked: false, reports: [] });
  });

  it('that throws is reported', () => {
    expect(picks(() => broken())).toEqual({ picked: 'otherwise', reports: [[MADE_UP, 'handleProtocols']] });
  });

  it('that returns a promise is reported, and so is its rejection', async () => {
    const { picked, reports } = picks(async () => broken());
    expect(picked).toBe('otherwise');
    await until(() => reports.length === 2, 'both reports');
    expect(reports).toEqual([
      [new TypeError('handleProtocols must pick at once, and returned a promise'), 'handleProtocols'],
      [MADE_UP, 'handleProtocols'],
    ]);
  });
});
