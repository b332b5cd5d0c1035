import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TrunklineError } from '../../src/protocol/errors.js';
import { LIMITS_BEFORE_HANDSHAKE } from '../../src/protocol/limits.js';
import {
  isId,
  parseFields,
  readAccept,
  readError,
  readGrace,
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
    resumeWindowMs: 0,
  });
  expect(readOffer({ id: uid, uid, name: 'n', more: 1 })).toEqual({ id: uid, uid, name: 'n', meta: null });
});

test('what a stream that is carried on says of itself, without what else is there', () => {
  const progress = { received: 7, ended: true, proof: 'p' };
  const resume = { ...progress, epoch: 1 };
  const target = { kind: 'resume', endpoint: 'e', waitMs: 0 };
  const opened = readOpen({ uid, credit: 0, target, key: uid, resume: { ...resume, more: 1 } });
  expect(opened).toEqual({ uid, credit: 0, meta: null, target, key: uid, resume });
  const answer = { credit: 1, endpoint: 'e', claim: 3 };
  expect(readAccept({ ...answer, resume: { ...resume, more: 1 } })).toEqual({
    ...answer,
    meta: null,
    resume: progress,
  });
  expect(readOffer({ id: uid, uid, name: 'n', key: uid, resume })).toMatchObject({ key: uid, resume });
  const listen = { kind: 'listen', name: 'n', owner: 'o', claim: 3 };
  expect(readOpen({ uid, credit: 0, target: listen }).target).toEqual(listen);
  expect(readHello({ version: 1, endpoint: uid }).endpoint).toBe(uid);
  expect(readGrace({ graceMs: 0 })).toEqual({ graceMs: 0 });
});

test('what is missing is no field, not an undefined one', () => {
  expect(Object.keys(readHello({ version: 1 }))).toEqual(['version', 'limits']);
  expect(Object.keys(readOpen({ uid, credit: 0, target: { kind: 'plain' } }))).toEqual([
    'uid',
    'credit',
    'meta',
    'target',
  ]);
  expect(Object.keys(readAccept({ credit: 0 }))).toEqual(['credit', 'meta']);
  expect(readGrace({})).toEqual({});
});

test('a name of any form gets through: it is refused alone, later', () => {
  const name = '\u0000'.repeat(2000);
  expect(readOpen({ uid, credit: 0, target: { kind: 'listen', name } }).target).toEqual({
    kind: 'listen',
    name,
    claim: 0,
  });
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
    readGrace,
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
