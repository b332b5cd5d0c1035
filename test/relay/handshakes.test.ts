import { expect, test } from 'vitest';
import { Handshakes } from '../../relay/handshakes.js';
import type { ConnectionCore } from '../../src/core/connection.js';
import { LimitedRelay } from './limited-peer.js';

const connection = () => ({}) as ConnectionCore;

test('there are so many from one address, and so many in all', () => {
  const handshakes = new Handshakes({ maxHandshakes: 3, maxHandshakesPerAddress: 2 });
  const [one, two, three] = [connection(), connection(), connection()];
  handshakes.begin(one, '192.0.2.1', 0);
  expect(handshakes.hasRoom('192.0.2.1')).toBe(true);
  handshakes.begin(two, '192.0.2.1', 0);
  expect(handshakes.hasRoom('192.0.2.1')).toBe(false);
  expect(handshakes.hasRoom('192.0.2.2')).toBe(true);
  handshakes.begin(three, '192.0.2.2', 0);
  expect(handshakes.hasRoom('192.0.2.3')).toBe(false);
  handshakes.end(one);
  handshakes.end(one);
  expect(handshakes.size).toBe(2);
  expect(handshakes.hasRoom('192.0.2.1')).toBe(true);
  expect(handshakes.hasRoom(undefined)).toBe(true);
});

test('a network of IPv6 is one address', () => {
  const handshakes = new Handshakes({ maxHandshakes: 3, maxHandshakesPerAddress: 1 });
  handshakes.begin(connection(), '2001:db8::1', 0);
  expect(handshakes.hasRoom('2001:db8::ffff:2')).toBe(false);
  expect(handshakes.hasRoom('2001:db8:0:1::1')).toBe(true);
});

test('one is over with the WELCOME, with the end, and at its deadline', () => {
  const relay = new LimitedRelay({ limits: { maxHandshakes: 3, maxHandshakesPerAddress: 1 } });
  relay.peer('192.0.2.1');
  expect(relay.core.mayAccept('192.0.2.1', relay.clock.now)).toBe(true);
  const silent = relay.core.accept(relay.clock.now, { address: '192.0.2.1' });
  expect(relay.core.mayAccept('192.0.2.1', relay.clock.now)).toBe(false);
  expect(relay.core.mayAccept('192.0.2.2', relay.clock.now)).toBe(true);
  silent.advance(relay.clock.now + 10_000);
  expect(silent.endReason?.code).toBe('HANDSHAKE_TIMEOUT');
  expect(relay.core.mayAccept('192.0.2.1', relay.clock.now)).toBe(true);
});

test('from one address there are so many dials in so much time', () => {
  const relay = new LimitedRelay({ rates: { dials: { burst: 2, perSecond: 10 } } });
  const dials = (address: string | undefined): boolean[] =>
    [1, 2, 3].map(() => relay.core.mayDial(address, relay.clock.now));
  expect([dials('2001:db8::1'), dials('2001:db8:0:1::1')]).toEqual(Array(2).fill([true, true, false]));
  // Whose address is not known are one.
  expect(dials(undefined)).toEqual([true, true, false]);
  relay.pass(100);
  expect(dials('2001:db8::ffff')).toEqual([true, false, false]);
});

test('this process itself is not counted', () => {
  const relay = new LimitedRelay({ limits: { maxHandshakes: 1 } });
  relay.core.accept(relay.clock.now, { isOwn: true });
  expect(relay.core.mayAccept('192.0.2.1', relay.clock.now)).toBe(true);
});

test('who has been silent for two seconds gives its place to a newcomer, the oldest first', () => {
  const relay = new LimitedRelay({ limits: { maxHandshakes: 3, maxHandshakesPerAddress: 2 } });
  const dial = (address: string) => {
    const isTaken = relay.core.mayAccept(address, relay.clock.now);
    return isTaken ? relay.core.accept(relay.clock.now, { address }) : undefined;
  };
  const [other, first, second] = ['192.0.2.2', '192.0.2.1', '192.0.2.1'].map(dial);
  relay.pass(1999);
  expect([dial('192.0.2.1'), dial('192.0.2.3')]).toEqual([undefined, undefined]);
  relay.pass(1);
  expect(dial('192.0.2.1')).toBeDefined();
  expect([other, first, second].map((each) => each?.endReason?.code)).toEqual([
    undefined,
    'HANDSHAKE_TIMEOUT',
    undefined,
  ]);
  expect(dial('192.0.2.3')).toBeDefined();
  expect(other?.endReason?.code).toBe('HANDSHAKE_TIMEOUT');
  expect(relay.ends).toEqual({ HANDSHAKE_TIMEOUT: 2 });
});
