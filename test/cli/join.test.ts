import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Duplex, PassThrough, type Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { abort, join } from '../../cli/join.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { readSeeded, seededReadable } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

/** Two ends of a pipe that half-closes; what breaks one does not break the other, as over a network. */
function pair(): [near: Duplex, far: Duplex] {
  const [there, back] = [new PassThrough(), new PassThrough()];
  const end = (readable: PassThrough, writable: PassThrough): Duplex =>
    new Duplex({
      read: () => readable.resume(),
      write: (chunk, _encoding, callback) => void writable.write(chunk, callback),
      final: (callback) => void writable.end(callback),
    });
  const [near, far] = [end(back, there), end(there, back)];
  for (const [readable, duplex] of [
    [back, near],
    [there, far],
  ] as const) {
    readable.on('data', (chunk) => duplex.push(chunk) || readable.pause());
    readable.on('end', () => duplex.push(null));
  }
  return [near, far];
}

/** A, joined to B: [outside of A, A, B, outside of B]. */
function joined() {
  const [outsideA, a] = pair();
  const [b, outsideB] = pair();
  const over = join(a, b);
  over.catch(() => {});
  return { outsideA, a, b, outsideB, over };
}

describe('two Duplexes', () => {
  test('pass bytes both ways, and it is over when both directions are', async () => {
    const { outsideA, outsideB, over, a, b } = joined();
    seededReadable(1, 300_000).pipe(outsideA);
    seededReadable(2, 200_000).pipe(outsideB);
    const [atA, atB] = await Promise.all([readSeeded(outsideA, 2), readSeeded(outsideB, 1)]);
    expect([atA.bytes, atB.bytes]).toEqual([200_000, 300_000]);
    await over;
    expect([a.destroyed, b.destroyed]).toEqual([true, true]);
  });

  test('an end leaves the other direction open', async () => {
    const { outsideA, outsideB, over } = joined();
    outsideA.end('question');
    const [question] = await Promise.all([once(outsideB, 'data'), once(outsideB, 'end')]);
    expect(String(question)).toBe('question');
    outsideB.end('answer');
    expect(await text(outsideA)).toBe('answer');
    await over;
  });

  test.each(['a', 'b'] as const)('an error of %s destroys the other one, with the same error', async (broken) => {
    const { a, b, over } = joined();
    const error = new Error('broken');
    (broken === 'a' ? a : b).destroy(error);
    await expect(over).rejects.toBe(error);
    expect([a.errored, b.errored]).toEqual([error, error]);
  });

  test('one that is destroyed without a word is an error all the same', async () => {
    const { a, b, over } = joined();
    a.destroy();
    await expect(over).rejects.toMatchObject({ code: 'ECONNABORTED' });
    expect(b.errored).toMatchObject({ code: 'ECONNABORTED' });
  });

  test('one that was broken before is noticed', async () => {
    const [a] = pair();
    const [b] = pair();
    const error = new Error('long ago');
    a.on('error', () => {}).destroy(error);
    await until(() => a.closed, 'it to be closed');
    await expect(join(a, b)).rejects.toBe(error);
    expect(b.errored).toBe(error);
  });

  test('a reader that stops, stops the writer', async () => {
    const { outsideA, outsideB } = joined();
    let taken = 0;
    const source = seededReadable(3, 10_000_000).on('data', (chunk) => {
      taken += chunk.length;
    });
    source.pipe(outsideA);
    await until(() => source.isPaused() || (outsideA as Writable).writableNeedDrain, 'the writer to wait');
    expect(taken).toBeLessThan(1_000_000);
    expect((await readSeeded(outsideB, 3)).bytes).toBe(10_000_000);
  });
});

describe('a socket', () => {
  async function socketPair(): Promise<{ inside: Socket; outside: Socket; close: () => void }> {
    const server = createServer({ allowHalfOpen: true });
    const port = await listenOnFreePort(server);
    const outside = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const [inside] = await once(server, 'connection');
    return { inside, outside, close: () => server.close() };
  }

  test('is reset when the other side breaks', async () => {
    const { inside, outside, close } = await socketPair();
    const [near] = pair();
    const over = join(inside, near);
    over.catch(() => {});
    near.destroy(new Error('broken'));
    const [error] = await once(outside.resume(), 'error');
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    await expect(over).rejects.toThrow('broken');
    close();
  });

  test('that is reset breaks the other side', async () => {
    const { inside, outside, close } = await socketPair();
    const [near] = pair();
    const over = join(inside, near);
    over.catch(() => {});
    outside.resetAndDestroy();
    await expect(over).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(near.errored).toMatchObject({ code: 'ECONNRESET' });
    close();
  });
});

test('abort does nothing to one that is gone', () => {
  const [near] = pair();
  near.destroy();
  abort(near, new Error('late'));
  expect(near.errored).toBeNull();
});
