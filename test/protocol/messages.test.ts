import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TrunklineError } from '../../src/protocol/errors.js';
import { LIMITS_BEFORE_HANDSHAKE } from '../../src/protocol/limits.js';
import {
  isId,
  parseFields,
  readAccept,
  readError,
  readHello,
  readOffer,
  readOpen,
  readRefuse,
  readWelcome,
} from '../../src/protocol/messages.js';

// What each reader refuses field by field is in the conformance vectors (R14); here is what they return.
const uid = '0123456789abcdef0123456789abcdef';
const fieldsOf = (text: string) => parseFields(Buffer.from(text), 'TEST');

test('known fields are copied, others are not', () => {
  expect(readOpen({ uid, credit: 5, meta: [1], target: { kind: 'plain', more: 1 }, more: 2 })).toEqual({
    uid,
    credit: 5,
    meta: [1],
    target: { kind: 'plain' },
  });
  expect(readHello({ version: 1, token: 't', more: 1 })).toEqual({
    version: 1,
    token: 't',
    limits: LIMITS_BEFORE_HANDSHAKE,
  });
  expect(
    readWelcome({ version: 1, heartbeat: { intervalMs: 1, timeoutMs: 2, more: 3 }, relayId: '', more: 1 }),
  ).toEqual({
    version: 1,
    limits: LIMITS_BEFORE_HANDSHAKE,
    heartbeat: { intervalMs: 1, timeoutMs: 2 },
    relayId: '',
  });
  expect(readOffer({ id: uid, uid, name: 'n', more: 1 })).toEqual({ id: uid, uid, name: 'n', meta: null });
});

test('no token is no field, not an undefined one', () => {
  expect('token' in readHello({ version: 1 })).toBe(false);
});

test('a name of any form gets through: it is refused alone, later', () => {
  const name = '\u0000'.repeat(2000);
  expect(readOpen({ uid, credit: 0, target: { kind: 'listen', name } }).target).toEqual({ kind: 'listen', name });
});

test.each([
  [{ code: 'NO_LISTENER' }, { code: 'NO_LISTENER', reason: '', retryable: true }],
  [
    { code: 'NO_LISTENER', retryable: false },
    { code: 'NO_LISTENER', reason: '', retryable: false },
  ],
  [
    { code: 'BRAND_NEW', reason: 'x', retryable: true },
    { code: 'INTERNAL', reason: 'x', retryable: true },
  ],
  [{ code: 'toString' }, { code: 'INTERNAL', reason: '', retryable: false }],
  [
    { code: 'REFUSED', retryAfterMs: 0, appCode: '' },
    { code: 'REFUSED', reason: '', retryable: false, retryAfterMs: 0, appCode: '' },
  ],
])('error %j', (fields, payload) => {
  expect(readError(fields, 'RESET')).toEqual(payload);
  expect(readRefuse({ id: 'x', ...fields })).toEqual({ id: 'x', ...payload });
});

test('a payload that carries a prototype does not get one', () => {
  const fields = fieldsOf('{"__proto__":{"code":"REFUSED"}}');
  expect(() => readError(fields, 'RESET')).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
});

test('of a field that comes twice, the last counts', () => {
  expect(readAccept(fieldsOf('{"credit":1,"credit":2}')).credit).toBe(2);
});

test.each([uid, 'f'.repeat(32)])('%s is an id', (value) => expect(isId(value)).toBe(true));
test.each([uid.slice(1), `${uid}0`, uid.toUpperCase(), `${uid.slice(1)}g`, `${uid}\n`, 5, undefined])(
  '%j is none',
  (value) => expect(isId(value)).toBe(false),
);

test('whatever JSON comes, a reader returns or says PROTOCOL', () => {
  const readers = [
    readHello,
    readWelcome,
    readOpen,
    readAccept,
    readOffer,
    readRefuse,
    (fields: object) => readError(fields as never, 'X'),
  ];
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...readers), (value, reader) => {
      try {
        reader(parseFields(Buffer.from(JSON.stringify(value)), 'X') as never);
      } catch (error) {
        expect(error).toBeInstanceOf(TrunklineError);
        expect((error as TrunklineError).code).toBe('PROTOCOL');
      }
    }),
  );
});
