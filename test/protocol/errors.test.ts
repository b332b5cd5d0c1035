import { expect, test, vi } from 'vitest';
import { CODES, type ErrorCode, isErrorCode } from '../../src/protocol/codes.js';
import {
  MAX_APP_CODE_BYTES,
  MAX_REASON_BYTES,
  TrunklineError,
  toErrorPayload,
  toTrunklineError,
} from '../../src/protocol/errors.js';

test.each(Object.keys(CODES) as ErrorCode[])('%s has a text and a retryable of its own', (code) => {
  const error = new TrunklineError(code);
  expect(error).toMatchObject({
    name: 'TrunklineError',
    code,
    message: CODES[code].meaning,
    retryable: CODES[code].retryable,
  });
  expect(error.message).not.toBe('');
  expect(isErrorCode(code)).toBe(true);
});

test.each(['', 'protocol', 'toString', '__proto__', 'constructor', undefined, 5])('%s is no code', (value) => {
  expect(isErrorCode(value)).toBe(false);
});

test('an empty message is replaced, an own one kept', () => {
  expect(new TrunklineError('REFUSED', '').message).toBe(CODES.REFUSED.meaning);
  expect(new TrunklineError('REFUSED', 'no').message).toBe('no');
});

test('cause is there only when it was given, as with any Error', () => {
  expect('cause' in new TrunklineError('INTERNAL')).toBe(false);
  expect('cause' in new TrunklineError('INTERNAL', '', { cause: undefined })).toBe(true);
});

test('instanceof holds across two copies of the package, in both directions', async () => {
  vi.resetModules();
  const other = (await import('../../src/protocol/errors.js')).TrunklineError as typeof TrunklineError;
  expect(other).not.toBe(TrunklineError);
  expect(new other('REFUSED')).toBeInstanceOf(TrunklineError);
  expect(new TrunklineError('REFUSED')).toBeInstanceOf(other);
  expect(new other('REFUSED')).toBeInstanceOf(Error);
});

test.each([new Error('x'), { code: 'REFUSED', name: 'TrunklineError' }, 'REFUSED', null, undefined, 5])(
  '%o is no TrunklineError',
  (value) => {
    expect(value instanceof TrunklineError).toBe(false);
  },
);

test('a clone says the same, with a stack of its own', () => {
  const cause = new Error('why');
  const error = new TrunklineError('REFUSED', 'no', { retryable: true, retryAfterMs: 5, appCode: 'E', cause });
  const clone = error.clone();
  expect(clone).not.toBe(error);
  expect(clone).toMatchObject({
    code: 'REFUSED',
    message: 'no',
    retryable: true,
    retryAfterMs: 5,
    appCode: 'E',
    cause,
  });
  expect('cause' in new TrunklineError('REFUSED').clone()).toBe(false);
});

test('payload and back', () => {
  const error = new TrunklineError('GOING_AWAY', 'restart', { retryable: false, retryAfterMs: 100, appCode: 'E' });
  const payload = toErrorPayload(error);
  expect(payload).toEqual({ code: 'GOING_AWAY', reason: 'restart', retryable: false, retryAfterMs: 100, appCode: 'E' });
  expect(TrunklineError.fromPayload(payload)).toMatchObject({
    code: 'GOING_AWAY',
    message: 'restart',
    retryable: false,
    retryAfterMs: 100,
    appCode: 'E',
  });
});

test('what the code says anyway is not sent', () => {
  expect(toErrorPayload(new TrunklineError('GOING_AWAY', 'x'))).toEqual({ code: 'GOING_AWAY', reason: 'x' });
});

test("an application's error travels as CANCELED, its own code beside", () => {
  expect(toErrorPayload(Object.assign(new Error('disk full'), { code: 'ENOSPC' }))).toEqual({
    code: 'CANCELED',
    reason: 'disk full',
    appCode: 'ENOSPC',
  });
  expect(toErrorPayload(new Error('x'), 'INTERNAL')).toEqual({ code: 'INTERNAL', reason: 'x' });
});

test('an own code that is one of ours, or no string, is not passed off as one', () => {
  expect(toErrorPayload(Object.assign(new Error('x'), { code: 'FORBIDDEN' }))).toEqual({
    code: 'CANCELED',
    reason: 'x',
  });
  expect(toErrorPayload(Object.assign(new Error('x'), { code: 5 }))).toEqual({ code: 'CANCELED', reason: 'x' });
});

test.each([undefined, null, 'text', 5, {}])('%o has nothing to say', (value) => {
  expect(toErrorPayload(value)).toEqual({ code: 'CANCELED', reason: '' });
});

test('long texts are cut at a character', () => {
  const { reason, appCode } = toErrorPayload(
    new TrunklineError('REFUSED', '€'.repeat(1000), { appCode: '€'.repeat(100) }),
  );
  expect(reason).toBe('€'.repeat(Math.floor(MAX_REASON_BYTES / 3)));
  expect(appCode).toBe('€'.repeat(Math.floor(MAX_APP_CODE_BYTES / 3)));
});

test('anything thrown becomes a TrunklineError once', () => {
  const error = new TrunklineError('REFUSED');
  expect(toTrunklineError(error, 'INTERNAL')).toBe(error);
  const thrown = new TypeError('x is not a function');
  expect(toTrunklineError(thrown, 'INTERNAL')).toMatchObject({
    code: 'INTERNAL',
    message: 'x is not a function',
    cause: thrown,
  });
  expect(toTrunklineError('text', 'PROTOCOL')).toMatchObject({ code: 'PROTOCOL', message: 'text', cause: 'text' });
});
