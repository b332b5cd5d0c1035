import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ByteStream } from '../../bench/carriers/carrier.js';
import { serve } from '../../bench/far-end.js';
import { decodeReport, decodeRequest, encodeRequest, REPORT_BYTES, type Request } from '../../bench/request.js';

/** What is asked, byte by byte, and what the far end writes. */
function ask(request: Request) {
  const written: Buffer[] = [];
  let isPaused = false;
  let send: (bytes: Uint8Array) => void = () => {};
  const stream: ByteStream = {
    write: (bytes) => written.push(Buffer.from(bytes)) > 0,
    whenDrained: async () => {},
    onData: (listener) => {
      send = listener;
    },
    pause: () => {
      isPaused = true;
    },
    close: async () => {},
  };
  serve(stream);
  for (const byte of encodeRequest(request)) send(Buffer.of(byte));
  return { send: (text: string) => send(Buffer.from(text)), written, isPaused: () => isPaused };
}

describe('a request', () => {
  const requests: Request[] = [
    { kind: 'echo' },
    { kind: 'count', reportEveryBytes: 2 ** 40, hashed: true },
    { kind: 'count', reportEveryBytes: 1, hashed: false },
    { kind: 'never-read' },
  ];
  test.each(requests)('comes through: %o', (request) => {
    expect(decodeRequest(encodeRequest(request))).toEqual(request);
  });

  test('is refused when there is no such one', () => {
    expect(() => decodeRequest(Buffer.alloc(16, 9))).toThrow('there is no request 9');
  });
});

describe('the far end', () => {
  test('echoes', () => {
    const { send, written, isPaused } = ask({ kind: 'echo' });
    expect(written).toEqual([]);
    send('ping');
    expect(Buffer.concat(written).toString()).toBe('ping');
    expect(isPaused()).toBe(false);
  });

  test('reports at once that it is there, then counts and hashes', () => {
    const { send, written } = ask({ kind: 'count', reportEveryBytes: 4, hashed: true });
    expect(written.map(decodeReport)).toEqual([{ count: 0, hash: Buffer.alloc(32) }]);
    send('abc');
    expect(written.length).toBe(1);
    send('de');
    expect(decodeReport(written[1] as Buffer)).toEqual({
      count: 5,
      hash: createHash('sha256').update('abcde').digest(),
    });
    send('fgh');
    expect(written.length).toBe(2);
    send('i');
    expect(decodeReport(written[2] as Buffer).count).toBe(9);
  });

  test('that never reads says so and stops reading', () => {
    const { written, isPaused } = ask({ kind: 'never-read' });
    expect(written.map(({ length }) => length)).toEqual([REPORT_BYTES]);
    expect(isPaused()).toBe(true);
  });
});
