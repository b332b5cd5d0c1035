import { expect, test } from 'vitest';
import {
  DEFAULT_LIMITS,
  isLimitInRange,
  LIMIT_NAMES,
  LIMITS_BEFORE_HANDSHAKE,
  type Limits,
  resolveLimits,
} from '../../src/protocol/limits.js';

test('nothing given: the defaults, as an object of its own', () => {
  const limits = resolveLimits();
  expect(limits).toEqual(DEFAULT_LIMITS);
  limits.maxNames = 1;
  expect(DEFAULT_LIMITS.maxNames).toBe(16);
});

test('undefined is not given', () => {
  expect(resolveLimits({ maxNames: undefined } as unknown as Partial<Limits>)).toEqual(DEFAULT_LIMITS);
});

test('what is given wins, the rest stays', () => {
  expect(resolveLimits({ maxStreams: 5, earlyWindowBytes: 0 })).toEqual({
    ...DEFAULT_LIMITS,
    maxStreams: 5,
    earlyWindowBytes: 0,
  });
});

test.each(LIMIT_NAMES)('limits.%s: a wrong value is named, with its range', (name) => {
  for (const value of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '5', null, true]) {
    expect(isLimitInRange(name, value), String(value)).toBe(false);
    expect(() => resolveLimits({ [name]: value }), String(value)).toThrow(
      expect.objectContaining({
        name: 'RangeError',
        message: expect.stringMatching(new RegExp(`^limits\\.${name} .*${value}$`)),
      }),
    );
  }
});

test('a message has to hold a frame', () => {
  expect(() => resolveLimits({ maxFrameBytes: 65_536, maxMessageBytes: 66_559 })).toThrow(RangeError);
  expect(() => resolveLimits({ maxFrameBytes: 65_536, maxMessageBytes: 66_560 })).not.toThrow();
  expect(() => resolveLimits({ maxFrameBytes: 131_072 })).toThrow(/maxMessageBytes/);
});

test('every default is in its range', () => {
  for (const name of LIMIT_NAMES) expect(isLimitInRange(name, DEFAULT_LIMITS[name]), name).toBe(true);
});

test('before the handshake a peer is given no early data', () => {
  expect(LIMITS_BEFORE_HANDSHAKE).toEqual({ ...DEFAULT_LIMITS, earlyWindowBytes: 0 });
});
