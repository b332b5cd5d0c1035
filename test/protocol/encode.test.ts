import { expect, test } from 'vitest';
import * as encode from '../../src/protocol/encode.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { readMessage } from '../conformance/wire.js';

// Read back by a reader that shares no code with the encoder.
const id = 'ab'.repeat(16);

test.each([
  [
    'HELLO',
    encode.encodeHello({ version: 1, limits: DEFAULT_LIMITS, token: 't' }),
    { version: 1, limits: DEFAULT_LIMITS, token: 't' },
  ],
  ['GOAWAY', encode.encodeGoaway({ code: 'PROTOCOL', reason: 'é' }), { code: 'PROTOCOL', reason: 'é' }],
  [
    'GOAWAY',
    encode.encodeNotice({ code: 'GOING_AWAY', reason: '' }, 5),
    { code: 'GOING_AWAY', reason: '', graceMs: 5 },
  ],
  ['DETACH', encode.encodeDetach(0, { code: 'CONNECTION_LOST', reason: '' }), { code: 'CONNECTION_LOST', reason: '' }],
  [
    'RESET',
    encode.encodeReset(0, { code: 'CANCELED', reason: '', appCode: undefined }),
    { code: 'CANCELED', reason: '' },
  ],
  ['ACCEPT', encode.encodeAccept(0, { credit: 1, meta: null }), { credit: 1, meta: null }],
  ['OFFER', encode.encodeOffer(0, { id, uid: id, name: 'n', meta: 1 }), { id, uid: id, name: 'n', meta: 1 }],
  ['REFUSE', encode.encodeRefuse(0, { id, code: 'REFUSED', reason: 'no' }), { id, code: 'REFUSED', reason: 'no' }],
])('%s', (type, bytes, json) => {
  expect(readMessage(bytes)).toEqual([{ type, id: 0, json }]);
});

test('stream frames carry their id, up to the largest', () => {
  expect(readMessage(encode.encodeEndAck(0xffff_ffff))).toEqual([{ type: 'END_ACK', id: 0xffff_ffff }]);
  expect(readMessage(encode.encodeClose(3))).toEqual([{ type: 'CLOSE', id: 3 }]);
  expect(readMessage(encode.encodePing(new Uint8Array(8).fill(7)))).toEqual([
    { type: 'PING', id: 0, payload: '07'.repeat(8) },
  ]);
  expect(readMessage(encode.encodePong(new Uint8Array(8)))).toEqual([{ type: 'PONG', id: 0, payload: '00'.repeat(8) }]);
});

test('frequent frames are written in place', () => {
  const target = new Uint8Array(8 + 2 + encode.CREDIT_FRAME_BYTES + encode.END_FRAME_BYTES);
  encode.writeDataHeader(target, 0, 3, 2, true);
  target.set([0x68, 0x69], 8);
  encode.writeCredit(target, 10, 3, 2 ** 32, Number.MAX_SAFE_INTEGER);
  encode.writeEnd(target, 10 + encode.CREDIT_FRAME_BYTES, 3, 2);
  expect(readMessage(target)).toEqual([
    { type: 'DATA', id: 3, payload: '6869', exhausted: true },
    { type: 'CREDIT', id: 3, consumed: 2 ** 32, credit: Number.MAX_SAFE_INTEGER },
    { type: 'END', id: 3, finalOffset: 2 },
  ]);
});

test('a control payload that no peer would take is not made', () => {
  const open = (meta: string) => encode.encodeOpen(1, { uid: id, credit: 0, meta, target: { kind: 'plain' } });
  const overhead = open('').length - 8;
  expect(open('x'.repeat(16_384 - overhead))).toHaveLength(8 + 16_384);
  expect(() => open('x'.repeat(16_385 - overhead))).toThrow(expect.objectContaining({ code: 'LIMIT_BYTES' }));
});
