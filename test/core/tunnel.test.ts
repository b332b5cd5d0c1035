import { describe, expect, test } from 'vitest';
import type { StreamCore } from '../../src/core/stream.js';
import { encodeClose } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { takeMessage } from '../support/take-message.js';
import { FakeAttachment } from './fake-attachment.js';
import { nextId, Pair } from './pair.js';

const PLAIN = { kind: 'plain' as const };
const CONNECT = { kind: 'connect' as const, name: 'n', waitMs: 0 };

function connectTimes(pair: Pair, count: number): StreamCore[] {
  return Array.from({ length: count }, () => pair.tunnel.open(CONNECT, null));
}

describe('pending connects', () => {
  test('wait here when the peer allows no more at once, and move up one by one', () => {
    const pair = new Pair({ far: { maxPendingConnects: 2 } });
    pair.exchange();
    connectTimes(pair, 5);
    pair.exchange();
    expect(pair.opens).toHaveLength(2);
    pair.take().accept();
    pair.exchange();
    expect(pair.opens).toHaveLength(2);
    // A refusal frees a place as well.
    pair.far.refuse(pair.opens.shift()!.id, { code: 'REFUSED', reason: 'no' });
    pair.exchange();
    expect(pair.opens).toHaveLength(2);
  });

  test('one that is given up makes room, whether it was sent or still waited', () => {
    const pair = new Pair({ far: { maxPendingConnects: 1 } });
    pair.exchange();
    const [sent, waiting] = connectTimes(pair, 3);
    waiting!.reset(new TrunklineError('CANCELED'));
    sent!.reset(new TrunklineError('CANCELED'));
    pair.exchange();
    expect(pair.opens).toHaveLength(2);
    // The one that was sent is kept until the other side has had its last word.
    expect([sent!.isClosed, pair.tunnel.streamCount]).toEqual([true, 2]);
    pair.far.send(encodeClose(pair.opens[0]!.id));
    pair.exchange();
    expect(pair.tunnel.streamCount).toBe(1);
  });

  test('before WELCOME the default is assumed', () => {
    const pair = new Pair();
    connectTimes(pair, 40);
    pair.pass(pair.near, pair.far);
    expect(pair.opens).toHaveLength(32);
    pair.exchange();
    expect(pair.opens).toHaveLength(32);
  });

  test('other targets do not wait', () => {
    const pair = new Pair({ far: { maxPendingConnects: 1 } });
    pair.exchange();
    connectTimes(pair, 2);
    pair.tunnel.open(PLAIN, null);
    pair.tunnel.open({ kind: 'listen', name: 'n', claim: 0 }, null);
    pair.exchange();
    expect(pair.opens.map(({ open }) => open.target.kind)).toEqual(['connect', 'plain', 'listen']);
  });
});

describe('LIMIT_STREAMS', () => {
  test('fails the stream past what the peer allows, by its event', () => {
    const pair = new Pair({ far: { maxStreams: 2 } });
    pair.exchange();
    pair.events();
    for (let count = 0; count < 3; count++) pair.tunnel.open(PLAIN, null);
    expect(pair.events()).toEqual(['failed LIMIT_STREAMS']);
    expect(pair.tunnel.streamCount).toBe(2);
  });

  test('does not count what the peer opened', () => {
    const pair = new Pair({ far: { maxStreams: 1 } });
    pair.exchange();
    for (let count = 0; count < 2; count++) pair.farStream(nextId()).openOn(pair.far);
    pair.exchange();
    pair.events();
    pair.tunnel.open(PLAIN, null);
    expect(pair.events()).toEqual([]);
  });

  test('a lower limit that becomes known late fails what waits, however many they are', () => {
    const pair = new Pair({ far: { maxStreams: 1, maxPendingConnects: 1_000_000 } });
    connectTimes(pair, 1024);
    pair.exchange();
    const failures = pair.events().filter((event) => event === 'failed LIMIT_STREAMS');
    expect(failures).toHaveLength(1024 - 32);
    expect(pair.tunnel.streamCount).toBe(32);
  });
});

describe('the end', () => {
  test('fails every stream with an error of its own, then says closed', () => {
    const pair = new Pair();
    pair.exchange();
    pair.events();
    connectTimes(pair, 40);
    pair.tunnel.close(new TrunklineError('TUNNEL_CLOSED'));
    const events = pair.tunnel.takeEvents();
    const errors = events.flatMap((event) =>
      event.type === 'stream' && event.event.type === 'failed' ? [event.event.error] : [],
    );
    expect(errors.map(({ code }) => code)).toEqual(Array.from({ length: 40 }, () => 'TUNNEL_CLOSED'));
    expect(new Set(errors).size).toBe(40);
    expect(events.at(-1)?.type).toBe('closed');
    expect([pair.tunnel.streamCount, pair.near.streamCount]).toEqual([0, 0]);
  });

  test('comes to any number of connects that wait', () => {
    const pair = new Pair({ far: { maxStreams: 100_000 } });
    pair.exchange();
    connectTimes(pair, 50_000);
    pair.tunnel.close(new TrunklineError('TUNNEL_CLOSED'));
    const events = pair.events();
    expect(events.filter((event) => event === 'failed TUNNEL_CLOSED')).toHaveLength(50_000);
    expect(events.at(-1)).toBe('closed TUNNEL_CLOSED');
    expect(pair.tunnel.streamCount).toBe(0);
  });

  test('a stream opened afterwards fails at once, with the reason', () => {
    const pair = new Pair();
    pair.tunnel.close(new TrunklineError('TUNNEL_CLOSED'));
    pair.events();
    for (const target of [PLAIN, CONNECT]) pair.tunnel.open(target, null);
    expect(pair.events()).toEqual(['failed TUNNEL_CLOSED', 'failed TUNNEL_CLOSED']);
    expect(pair.tunnel.streamCount).toBe(0);
  });

  test('what the peer says ends it too', () => {
    const pair = new Pair();
    pair.exchange();
    pair.tunnel.open(PLAIN, null);
    pair.events();
    pair.far.fail(new TrunklineError('GOING_AWAY'));
    pair.exchange();
    expect(pair.events()).toEqual(['failed GOING_AWAY', 'closed GOING_AWAY']);
  });
});

test('a peer that opens a stream to anything but us is refused', () => {
  const pair = new Pair();
  pair.exchange();
  const id = pair.far.open(new FakeAttachment(0), { uid: nextId(), credit: 0, meta: null, target: CONNECT });
  const message = () => takeMessage(pair.near);
  pair.pass(pair.far, pair.near);
  expect(message()?.[4]).toBe(0x12);
  expect(id).toBe(2);
  expect(pair.tunnel.streamCount).toBe(0);
});
