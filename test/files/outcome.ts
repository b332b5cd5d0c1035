import type { Duplex } from 'node:stream';
import { expect } from 'vitest';
import { TrunklineError } from '../../src/index.js';

/** The error of something that must fail, as a TrunklineError. */
export async function failure(promise: Promise<unknown>): Promise<TrunklineError> {
  const error = await promise.then(
    (value) => expect.fail(`did not fail, but gave ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TrunklineError);
  return error as TrunklineError;
}

/** Of both ends of a transfer that must fail, with both streams destroyed. */
export async function failures(
  ends: Duplex[],
  sent: Promise<unknown>,
  received: Promise<unknown>,
): Promise<{ sender: TrunklineError; receiver: TrunklineError }> {
  const [sender, receiver] = await Promise.all([failure(sent), failure(received)]);
  expect(ends.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  return { sender, receiver };
}
