import { describe, expect, test } from 'vitest';
import { TrunklineError } from '../../src/protocol/errors.js';
import { Pair } from './pair.js';

const PLAIN = { kind: 'plain' as const };
const WINDOW = { windowBytes: 1000, maxWindowBytes: 1000 };

/** Without early bytes, so that windows are what they say. */
const noEarly = (options: ConstructorParameters<typeof Pair>[0] = {}) =>
  new Pair({ near: { earlyWindowBytes: 0 }, far: { earlyWindowBytes: 0 }, ...options });

function opened(pair = noEarly()) {
  pair.exchange();
  const near = pair.tunnel.open(PLAIN, null);
  pair.exchange();
  const far = pair.take(WINDOW);
  return { pair, near, far };
}

test('bytes may follow OPEN up to the early window, and the rest follows ACCEPT', () => {
  const { pair, near, far } = opened(new Pair({ far: { earlyWindowBytes: 100 } }));
  near.write(new Uint8Array(150));
  pair.exchange();
  expect([near.pendingBytes, far.unreadBytes]).toEqual([50, 100]);
  far.accept();
  pair.exchange();
  expect([near.pendingBytes, far.unreadBytes]).toEqual([0, 150]);
});

test('an acceptor is silent before its ACCEPT', () => {
  const { pair, near, far } = opened();
  far.write(new Uint8Array(10));
  far.end();
  pair.exchange();
  expect(near.unreadBytes).toBe(0);
  far.accept();
  pair.exchange();
  expect(near.unreadBytes).toBe(10);
});

test('END before ACCEPT is acknowledged behind it', () => {
  const { pair, near, far } = opened();
  near.end();
  pair.exchange();
  pair.events();
  expect(pair.farTypes()).toEqual(['end']);
  expect(pair.events()).toEqual([]);
  far.accept();
  pair.exchange();
  expect(pair.events()).toEqual(['opened', 'delivered']);
});

test('one direction ends, the other carries on; both ended is closed, and nothing is left', () => {
  const { pair, near, far } = opened();
  far.accept();
  near.end();
  pair.exchange();
  far.write(new Uint8Array(500));
  pair.exchange();
  expect(pair.events()).toEqual(['open', 'opened', 'delivered', 'data']);
  expect(pair.farTypes()).toEqual(['end', 'drained']);
  far.end();
  pair.exchange();
  expect(pair.events()).toEqual(['end', 'closed']);
  expect(pair.farTypes()).toEqual(['delivered', 'closed']);
  expect([pair.tunnel.streamCount, pair.near.streamCount, pair.far.streamCount]).toEqual([0, 0, 0]);
});

test('a reader that stops stops its sender at the window, and END waits with the bytes', () => {
  const { pair, near, far } = opened();
  far.accept();
  near.write(new Uint8Array(2500));
  near.end();
  pair.exchange();
  expect([near.pendingBytes, far.unreadBytes]).toEqual([1500, 1000]);
  far.consume(1000);
  pair.exchange();
  expect([near.pendingBytes, far.unreadBytes]).toEqual([500, 1000]);
  expect(pair.farTypes()).not.toContain('end');
  far.consume(1000);
  pair.exchange();
  expect(pair.farTypes()).toContain('end');
  expect(near.retainedBytes).toBe(0);
});

test('both sides write past the window before either reads', () => {
  const { pair, near, far } = opened(noEarly({ window: WINDOW }));
  far.accept();
  for (const side of [near, far]) {
    side.write(new Uint8Array(5000));
    side.end();
  }
  pair.exchange();
  expect([near.unreadBytes, far.unreadBytes]).toEqual([1000, 1000]);
  for (let round = 0; round < 20; round++) {
    near.consume(near.unreadBytes);
    far.consume(far.unreadBytes);
    pair.exchange();
  }
  expect([near.isClosed, far.isClosed]).toEqual([true, true]);
});

describe('RESET', () => {
  test('carries the reason, and nothing is heard of the stream afterwards on either side', () => {
    const { pair, near, far } = opened();
    far.accept();
    near.write(new Uint8Array(10_000));
    pair.exchange();
    pair.events();
    pair.farTypes();
    near.reset(Object.assign(new Error('gave up'), { code: 'E_OWN' }));
    pair.exchange();
    const [event] = pair.farEvents;
    expect(event).toMatchObject({ type: 'failed', error: { code: 'CANCELED', message: 'gave up', appCode: 'E_OWN' } });
    expect(pair.farEvents).toHaveLength(1);
    expect(pair.events()).toEqual([]);
    expect([near.pendingBytes, near.retainedBytes]).toEqual([0, 0]);
    expect([pair.tunnel.streamCount, pair.near.streamCount, pair.far.streamCount]).toEqual([0, 0, 0]);
  });

  test('that crosses another one is no breach', () => {
    const { pair, near, far } = opened();
    far.accept();
    pair.exchange();
    near.reset(new TrunklineError('CANCELED'));
    far.reset(new TrunklineError('CANCELED'));
    pair.exchange();
    expect([pair.far.isOpen, pair.near.isOpen]).toEqual([true, true]);
    expect([pair.tunnel.streamCount, pair.near.streamCount, pair.far.streamCount]).toEqual([0, 0, 0]);
  });

  test('after everything is done does nothing', () => {
    const { near } = opened();
    near.fail(new TrunklineError('CONNECTION_LOST'));
    near.reset(new TrunklineError('CANCELED'));
    near.write(new Uint8Array(1));
    near.end();
    expect(near.pendingBytes).toBe(0);
  });
});

test('drained comes when the application may have its buffer back', () => {
  const { pair, near, far } = opened();
  far.accept();
  pair.exchange();
  pair.events();
  near.write(new Uint8Array(1500));
  pair.exchange();
  expect([pair.events(), near.borrowedBytes]).toEqual([[], 500]);
  far.consume(1000);
  pair.exchange();
  expect([pair.events(), near.borrowedBytes]).toEqual([['drained'], 0]);
});

test('a small copied write asks for no drained, and joins what is written behind it', () => {
  const { pair, near, far } = opened();
  far.accept();
  pair.exchange();
  pair.events();
  const bytes = Uint8Array.of(1, 2, 3);
  far.writeCopy(bytes);
  far.writeCopy(Uint8Array.of(4, 5));
  bytes.fill(0);
  expect([far.borrowedBytes, far.pendingBytes]).toEqual([0, 5]);
  pair.exchange();
  expect(pair.events()).toEqual(['data']);
  expect(near.unreadBytes).toBe(5);
});

test('a stream that cannot be opened fails and leaves nothing', () => {
  const pair = new Pair();
  pair.exchange();
  pair.events();
  pair.tunnel.open(PLAIN, 'x'.repeat(20_000));
  expect(pair.events()).toEqual(['failed LIMIT_BYTES']);
  expect([pair.tunnel.streamCount, pair.near.streamCount]).toEqual([0, 0]);
});

test('as many streams at once as the peer allows', () => {
  const pair = new Pair({ far: { maxStreams: 5000 } });
  pair.exchange();
  pair.events();
  for (let count = 0; count < 5000; count++) pair.tunnel.open(PLAIN, null);
  pair.exchange();
  expect(pair.events()).toEqual([]);
  expect(pair.opens).toHaveLength(5000);
});
