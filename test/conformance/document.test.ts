import { expect, test } from 'vitest';
import { ResumeKey } from '../../src/core/resume-key.js';
import { CODES } from '../../src/protocol/codes.js';
import { FrameType } from '../../src/protocol/constants.js';
import { DEFAULT_LIMITS, isLimitInRange, LIMIT_NAMES, LIMITS_BEFORE_HANDSHAKE } from '../../src/protocol/limits.js';
import { prove } from '../../src/runtime/prove.js';
import { block, protocolText, table } from './document.js';
import { Exchange } from './exchange.js';

test('the example of section 15 is what the code sends', () => {
  const exchange = new Exchange();
  exchange.run();
  expect(block('exchange').split('\n')).toEqual(exchange.lines);
  expect(exchange.streamsLeft).toBe(0);
});

test('its first frame in hexadecimal is that frame', () => {
  const exchange = new Exchange();
  exchange.run();
  expect(block('hello').replaceAll(/\s/g, '')).toBe(exchange.firstFrame);
});

test('the proofs of section 13 are those that the code makes', () => {
  const [, key = '', uid = '', asked, answered] =
    protocolText.match(/With the key `(\w+)` and the uid `(\w+)`[^`]*`(\w+)`[^`]*`(\w+)`/) ?? [];
  const resumeKey = new ResumeKey(key, uid, prove);
  expect(resumeKey.proofOf('open', 1, 5, false)).toBe(asked);
  expect(resumeKey.proofOf('accept', 1, 3, true)).toBe(answered);
});

test('the table of frames names every type', () => {
  const documented = table('type | frame').map(([type, frame]) => [frame, Number(type)]);
  const inCode = Object.entries(FrameType).map(([name, type]) => [
    name === 'EndAck' ? 'END_ACK' : name.toUpperCase(),
    type,
  ]);
  expect(documented).toEqual(inCode);
});

test('the table of error codes is the closed set', () => {
  const documented = table('code | retryable').map(([code, retryable]) => [code, retryable === 'yes']);
  expect(documented).toEqual(Object.entries(CODES).map(([code, { retryable }]) => [code, retryable]));
});

test('the table of limits has the ranges and defaults of the code', () => {
  const number = (text = ''): number => Number(text.replaceAll(',', ''));
  const rows = table('limit | range').map(([name = '', range = '', unannounced, announced]) => {
    const [lowest, highest] = range.split(' to ').map(number);
    return { name, lowest, highest, unannounced: number(unannounced), announced: number(announced) };
  });
  expect(rows.map(({ name }) => name).toSorted()).toEqual(LIMIT_NAMES.toSorted());
  for (const { name, lowest, highest, unannounced, announced } of rows) {
    const limit = name as keyof typeof DEFAULT_LIMITS;
    expect(
      [lowest, highest].map((value) => isLimitInRange(limit, value)),
      name,
    ).toEqual([true, true]);
    expect(isLimitInRange(limit, Number(lowest) - 1), name).toBe(false);
    expect(isLimitInRange(limit, Number(highest) + 1), name).toBe(false);
    expect(unannounced, name).toBe(LIMITS_BEFORE_HANDSHAKE[limit]);
    expect(announced, name).toBe(DEFAULT_LIMITS[limit]);
  }
});
