import { describe, expect, test } from 'vitest';
import { encodeClose, encodeEndAck, encodeGoaway, encodeReset } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { endFrame } from '../relay/core-peer.js';
import { NOTHING_LEFT, RESUME_WINDOW_MS, Wire } from './wire.js';

const PLAIN = { kind: 'plain' as const };
const CONNECT = { kind: 'connect' as const, name: 'n', waitMs: 0 };
const _GOING = { code: 'GOING_AWAY' as const, reason: 'the relay is restarted' };
const bytes = (...values: number[]) => Uint8Array.from(values);

describe('HELLO', () => {
  test('says the same endpoint on every connection, and no two tunnels the same', () => {
    const endpointOf = (wire: Wire) => {
      wire.dial();
      const [hello] = wire.frames();
      return hello?.type === 'HELLO' ? hello.hello.endpoint : undefined;
    };
    const wire = new Wire();
    const first = endpointOf(wire);
    wire.welcome();
    wire.cut();
    expect([first, endpointOf(wire)]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), first]);
    expect(endpointOf(new Wire())).not.toBe(first);
  });
});

describe('the first dials', () => {
  test('are as many as there are addresses; then the tunnel has failed', () => {
    const wire = new Wire({ firstDials: 2 });
    wire.dial();
    wire.cut();
    expect([wire.events(), wire.tunnel.stateName]).toEqual([['dialFailed'], 'connecting']);
    wire.dial();
    wire.cut();
    expect([wire.events(), wire.tunnel.stateName]).toEqual([['closed CONNECTION_LOST'], 'closed']);
  });

  test('lose no stream that was opened behind one of them', () => {
    const wire = new Wire({ firstDials: 2 });
    wire.dial();
    const stream = wire.tunnel.open(CONNECT, null);
    stream.write(bytes(1));
    wire.frames();
    wire.cut();
    // And this one between the two.
    wire.tunnel.open(PLAIN, null);
    expect(wire.events()).toEqual(['suspended', 'dialFailed']);
    wire.dial();
    expect(wire.told()).toEqual(['HELLO']);
    wire.welcome();
    expect(wire.told()).toEqual(['OPEN 1 connect again: 0', 'OPEN 3 plain']);
  });

  test.each(['UNAUTHENTICATED', 'FORBIDDEN', 'PROTOCOL'] as const)('%s is for good when all of them say so', (code) => {
    const wire = new Wire({ firstDials: 2 });
    wire.dial();
    wire.say(encodeGoaway({ code, reason: 'no' }));
    expect([wire.events(), wire.tunnel.stateName]).toEqual([['dialFailed'], 'connecting']);
    wire.dial();
    wire.say(encodeGoaway({ code, reason: 'no' }));
    expect([wire.events(), wire.tunnel.stateName]).toEqual([[`closed ${code}`], 'closed']);
  });

  test('do not count any more once it was open: only the window does', () => {
    const wire = Wire.opened({ firstDials: 1 });
    wire.cut();
    expect(wire.events()).toEqual(['suspended']);
    for (let count = 0; count < 10; count++) {
      wire.dial();
      wire.cut();
      expect(wire.events()).toEqual(['dialFailed']);
    }
    expect(wire.left).toEqual({ ...NOTHING_LEFT, deadline: RESUME_WINDOW_MS });
    wire.elapse(RESUME_WINDOW_MS);
    expect([wire.events(), wire.left]).toEqual([['closed RESUME_EXPIRED'], NOTHING_LEFT]);
  });
});

describe('an end of the connection', () => {
  test.each(['CONNECTION_LOST', 'GOING_AWAY'] as const)('%s suspends', (code) => {
    const wire = Wire.opened();
    wire.connected();
    wire.say(encodeGoaway({ code, reason: 'for now' }));
    expect([wire.events(), wire.tunnel.stateName]).toEqual([['suspended', 'suspended'], 'suspended']);
  });

  test.each(['TUNNEL_CLOSED', 'PROTOCOL', 'FLOW_CONTROL', 'INTERNAL', 'FORBIDDEN'] as const)(
    '%s is for good',
    (code) => {
      const wire = Wire.opened();
      wire.connected();
      wire.say(encodeGoaway({ code, reason: 'for ever' }));
      expect([wire.events(), wire.left]).toEqual([[`failed ${code}`, `closed ${code}`], NOTHING_LEFT]);
    },
  );

  test('here, by close, reaches the connection that is being dialed, too', () => {
    const wire = Wire.opened();
    wire.connected();
    wire.cut();
    wire.dial();
    wire.events();
    wire.tunnel.close(new TrunklineError('TUNNEL_CLOSED', 'enough'));
    expect(wire.told()).toEqual(['HELLO', 'GOAWAY TUNNEL_CLOSED']);
    expect([wire.events(), wire.left]).toEqual([['failed TUNNEL_CLOSED', 'closed TUNNEL_CLOSED'], NOTHING_LEFT]);
  });
});

describe('streams opened while there is no connection', () => {
  test('wait, and go out with the next one', () => {
    const wire = Wire.opened();
    wire.cut();
    wire.tunnel.open(PLAIN, null).write(bytes(1));
    wire.tunnel.open(CONNECT, null);
    expect(wire.events()).toEqual(['suspended']);
    wire.comeBack();
    expect(wire.told().slice(0, 2)).toEqual(['OPEN 1 plain', 'OPEN 3 connect']);
  });

  test('count for what the last peer allowed', () => {
    const wire = new Wire();
    wire.dial();
    wire.welcome({ maxStreams: 2 });
    wire.connected();
    wire.cut();
    wire.events();
    wire.tunnel.open(CONNECT, null);
    wire.tunnel.open(CONNECT, null);
    expect(wire.events()).toEqual(['failed LIMIT_STREAMS']);
  });

  test('given up meanwhile leave nothing, and nobody hears of them', () => {
    const wire = Wire.opened();
    wire.cut();
    wire.tunnel.open(CONNECT, null).reset(new TrunklineError('CANCELED'));
    wire.comeBack();
    expect([wire.told(), wire.left]).toEqual([[], NOTHING_LEFT]);
  });
});

describe('a mortal stream', () => {
  test('gives no key, and fails with its connection while others are carried on', () => {
    const wire = Wire.opened();
    const mortal = wire.tunnel.open(CONNECT, null, { isMortal: true });
    const { id, open } = wire.opens()[0]!;
    expect(open.key).toBeUndefined();
    wire.accept(id);
    wire.connected();
    mortal.write(bytes(1));
    wire.frames();
    expect(mortal.retainedBytes).toBe(0);
    wire.events();
    wire.cut();
    expect(wire.events()).toEqual(['failed CONNECTION_LOST', 'suspended', 'suspended']);
  });

  test('is one that the other end cannot carry on, whatever was asked', () => {
    const wire = Wire.opened();
    const stream = wire.tunnel.open(CONNECT, null);
    stream.write(bytes(1, 2));
    wire.frames();
    wire.accept(1);
    expect(stream.retainedBytes).toBe(0);
    wire.events();
    wire.cut();
    expect(wire.events()).toEqual(['failed CONNECTION_LOST', 'suspended']);
  });
});

describe('a listener', () => {
  const listen = (wire: Wire) => wire.tunnel.open({ kind: 'listen', name: 'n', owner: 'o', claim: 0 }, null);

  test('asks for its name again, as the one it was', () => {
    const wire = Wire.opened();
    const listener = listen(wire);
    const { id, open } = wire.opens()[0]!;
    expect(open.target).toEqual({ kind: 'listen', name: 'n', owner: 'o', claim: 0 });
    wire.accept(id, { claim: 7 });
    for (let round = 0; round < 3; round++) {
      wire.cut();
      wire.comeBack();
      const again = wire.opens()[0]!;
      expect(again.open).toMatchObject({
        uid: listener.uid,
        target: { kind: 'listen', name: 'n', owner: 'o', claim: 7 },
      });
      wire.accept(again.id, { claim: 7 });
    }
    expect(wire.events().filter((event) => !/suspended|resumed/.test(event))).toEqual(['opened']);
  });

  test('that was superseded meanwhile fails, and does not ask again', () => {
    const wire = Wire.opened();
    listen(wire);
    wire.accept(wire.opens()[0]!.id, { claim: 7 });
    wire.cut();
    wire.comeBack();
    wire.events();
    wire.say(encodeReset(wire.opens()[0]!.id, { code: 'SUPERSEDED', reason: 'by another' }));
    expect([wire.events(), wire.left]).toEqual([['failed SUPERSEDED'], NOTHING_LEFT]);
  });

  test('that was ended while its connection was lost is ended on the next', () => {
    const wire = Wire.opened();
    const listener = listen(wire);
    wire.accept(wire.opens()[0]!.id, { claim: 7 });
    listener.end();
    wire.events();
    wire.cut();
    wire.comeBack();
    // Its END was not heard: it is said again, on what is open for that alone.
    const again = wire.opens()[0]!;
    wire.accept(again.id, { claim: 7 });
    expect(wire.told()).toEqual([`END ${again.id} 0`]);
    wire.say(encodeEndAck(again.id), endFrame(again.id, 0));
    wire.say(encodeClose(again.id));
    expect(wire.told()).toEqual([`END_ACK ${again.id}`, `CLOSE ${again.id}`]);
    expect([wire.events().at(-1), wire.left]).toEqual(['closed', NOTHING_LEFT]);
  });

  test('that was ended and heard needs no relay to be closed', () => {
    const wire = Wire.opened();
    const listener = listen(wire);
    const { id } = wire.opens()[0]!;
    wire.accept(id, { claim: 7 });
    listener.end();
    wire.frames();
    wire.say(encodeEndAck(id));
    wire.cut();
    expect(wire.events()).toContain('closed');
    expect(wire.tunnel.streamCount).toBe(0);
  });
});
