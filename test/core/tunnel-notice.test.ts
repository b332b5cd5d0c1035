import { describe, expect, test } from 'vitest';
import { encodeClose, encodeDetach, encodeGoaway, encodeNotice, encodeReset } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { dataFrame } from '../relay/core-peer.js';
import { ENDPOINT, NOTHING_LEFT, reopening, Wire } from './wire.js';

const PLAIN = { kind: 'plain' as const };
const CONNECT = { kind: 'connect' as const, name: 'n', waitMs: 0 };
const GOING = { code: 'GOING_AWAY' as const, reason: 'the relay is restarted' };
const bytes = (...values: number[]) => Uint8Array.from(values);

describe('a notice', () => {
  function noticed() {
    const wire = Wire.opened();
    const own = wire.connected();
    const { stream: theirs, key } = wire.accepted();
    const old = wire.connection;
    wire.say(encodeNotice({ ...GOING, retryAfterMs: 500 }, 30_000));
    return { wire, own, theirs, key, old };
  }

  test('is told once, and everything that is open goes on', () => {
    const { wire, own } = noticed();
    expect(wire.tunnel.takeEvents()).toEqual([{ type: 'turnedAway', retryAfterMs: 500 }]);
    own.write(bytes(1));
    expect(wire.told()).toEqual(['DATA 1 1']);
    expect(wire.tunnel.stateName).toBe('open');
  });

  test('makes what is opened now wait for the next connection', () => {
    const { wire, old } = noticed();
    wire.tunnel.open(CONNECT, null);
    expect(wire.told()).toEqual([]);
    wire.dial();
    expect(wire.told()).toEqual(['HELLO']);
    wire.welcome();
    expect(wire.told().filter((text) => text.includes('connect'))).toHaveLength(1);
    expect(wire.told(old)).toContain('DETACH 1 CONNECTION_LOST');
  });

  test('moves what was opened here at once, what others opened when they come, and leaves the old connection then', () => {
    const { wire, own, theirs, key, old } = noticed();
    wire.comeBack();
    // The stream and the name; the stream that was accepted stays until its opener has moved.
    expect(wire.told(old)).toEqual(['DETACH 1 CONNECTION_LOST', expect.stringMatching(/^DETACH \d CONNECTION_LOST$/)]);
    expect([own.connection, theirs.connection]).toEqual([wire.connection, old]);
    const again = wire.told();
    expect(again).toEqual(['OPEN 1 resume again: 0', 'OPEN 3 listen']);
    expect(old.hasEnded).toBe(false);
    wire.reopen(theirs.uid, reopening(key, 1, 0));
    expect([theirs.connection, old.hasEnded]).toEqual([wire.connection, true]);
    expect(wire.told(old).at(-1)).toBe('GOAWAY GOING_AWAY');
    expect(wire.tunnel.stateName).toBe('open');
  });

  test('moves nothing that cannot be carried on: that stays as long as the old connection does', () => {
    const wire = Wire.opened();
    const mortal = wire.tunnel.open(CONNECT, null, { isMortal: true });
    wire.frames();
    wire.accept(1);
    wire.tunnel.open(PLAIN, null);
    wire.accept(3);
    const old = wire.connection;
    wire.say(encodeNotice(GOING, 30_000));
    wire.comeBack();
    expect([wire.told(), old.streamCount, mortal.connection]).toEqual([[], 2, old]);
    wire.events();
    wire.cut(old);
    expect(wire.events()).toEqual(['failed CONNECTION_LOST', 'failed CONNECTION_LOST']);
  });

  test('lets whoever stayed have its last word, in front of the goodbye', () => {
    const wire = Wire.opened();
    wire.tunnel.open(CONNECT, null, { isMortal: true });
    wire.frames();
    wire.accept(1);
    const old = wire.connection;
    wire.say(encodeNotice(GOING, 30_000));
    wire.comeBack();
    old.receive(encodeReset(1, { code: 'CANCELED', reason: 'enough' }), wire.clock.now());
    expect(wire.told(old)).toEqual(['CLOSE 1', 'GOAWAY GOING_AWAY']);
  });

  test('the old connection may end before: what is left on it is suspended', () => {
    const { wire, theirs, old } = noticed();
    wire.comeBack();
    wire.events();
    wire.cut(old);
    expect([wire.events(), theirs.isSuspended, wire.tunnel.stateName]).toEqual([['suspended'], true, 'open']);
  });

  test('that the new connection fails to follow costs nothing: the old one still carries all', () => {
    const { wire, own, old } = noticed();
    wire.events();
    wire.dial();
    const candidate = wire.connection;
    wire.cut(candidate);
    expect([wire.events(), own.connection, wire.tunnel.stateName]).toEqual([['dialFailed'], old, 'open']);
    wire.connection = old;
    wire.say(dataFrame(1, bytes(1)));
    expect(wire.events()).toEqual(['data']);
  });

  test('followed by the end of the connection before there is another: suspended, as ever', () => {
    const { wire, old } = noticed();
    wire.dial();
    wire.cut(old);
    expect(wire.tunnel.stateName).toBe('suspended');
    wire.welcome();
    expect([wire.tunnel.stateName, wire.told().filter((text) => text.startsWith('OPEN'))]).toEqual([
      'open',
      ['OPEN 1 resume again: 0', 'OPEN 3 listen'],
    ]);
  });

  test('is nothing to a tunnel without a window', () => {
    const wire = Wire.opened({ resumeWindowMs: 0 });
    wire.say(encodeNotice(GOING, 30_000));
    wire.tunnel.open(PLAIN, null);
    expect([wire.events(), wire.told()]).toEqual([[], ['OPEN 1 plain']]);
  });

  test('RESET GOING_AWAY of what was opened just before costs a pause, and no stream', () => {
    const wire = Wire.opened();
    const stream = wire.tunnel.open(CONNECT, null);
    wire.frames();
    wire.say(encodeNotice(GOING, 30_000), encodeReset(1, GOING));
    expect([stream.isClosed, wire.events()]).toEqual([false, ['turnedAway', 'suspended']]);
    wire.comeBack();
    wire.accept(wire.opens()[0]!.id, { endpoint: ENDPOINT });
    expect(wire.events()).toEqual(['resumed', 'opened', 'resumed']);
    wire.say(encodeDetach(1, GOING));
    expect(wire.events()).toEqual(['suspended']);
    stream.reset(new TrunklineError('CANCELED'));
    wire.elapse(0);
    wire.accept(wire.opens()[0]!.id, {});
    wire.say(encodeClose(3));
    expect(wire.left).toEqual(NOTHING_LEFT);
  });
});

test('several notices are one', () => {
  const wire = Wire.opened();
  wire.say(encodeNotice(GOING, 30_000), encodeNotice(GOING, 30_000));
  expect(wire.events()).toEqual(['turnedAway']);
});

test('a notice asks for no longer a wait than it gives time', () => {
  const wire = Wire.opened();
  wire.say(encodeNotice({ ...GOING, retryAfterMs: Number.MAX_SAFE_INTEGER }, 30_000));
  expect(wire.tunnel.takeEvents()).toEqual([{ type: 'turnedAway', retryAfterMs: 30_000 }]);
});

test('a peer that says it leaves, and stays, is asked again after the window', () => {
  const wire = Wire.opened();
  wire.say(encodeNotice(GOING, Number.MAX_SAFE_INTEGER));
  wire.tunnel.open(PLAIN, null);
  expect(wire.told()).toEqual([]);
  wire.elapse(60_000);
  expect(wire.told()).toEqual(['OPEN 1 plain']);
});

test('a dial that hangs neither takes the place of a newer one, nor ends what that carries', () => {
  const wire = Wire.opened();
  wire.cut();
  wire.dial();
  const hanging = wire.connection;
  wire.comeBack();
  wire.events();
  expect(hanging.hasEnded).toBe(true);
  hanging.lost(new TrunklineError('HANDSHAKE_TIMEOUT'));
  expect([wire.events(), wire.tunnel.stateName, wire.connection.isOpen]).toEqual([[], 'open', true]);
});

test('what another address refuses ends nothing that the present one carries', () => {
  const wire = Wire.opened();
  const present = wire.connection;
  wire.say(encodeNotice(GOING, 30_000));
  wire.dial();
  wire.say(encodeGoaway({ code: 'UNAUTHENTICATED', reason: 'no' }));
  expect([wire.events(), wire.tunnel.stateName, present.isOpen]).toEqual([['turnedAway', 'dialFailed'], 'open', true]);
});
