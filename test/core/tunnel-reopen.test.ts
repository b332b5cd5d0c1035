import { beforeEach, describe, expect, test } from 'vitest';
import type { StreamCore } from '../../src/core/stream.js';
import { encodeClose, encodeDetach, encodeEndAck, encodeReset, encodeWelcome } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { creditFrame, dataFrame, endFrame } from '../relay/core-peer.js';
import { ENDPOINT, NOTHING_LEFT, Wire } from './wire.js';

const LOST = { code: 'CONNECTION_LOST' as const, reason: 'the other endpoint is lost' };
const bytes = (...values: number[]) => Uint8Array.from(values);

describe('the answer to a re-open', () => {
  let wire: Wire;
  let stream: StreamCore;
  let again: number;
  let proofOf: (received: number, ended?: boolean) => string;
  beforeEach(() => {
    wire = Wire.opened();
    const opened = wire.tunnel.open({ kind: 'connect', name: 'n', waitMs: 0 }, null);
    const [first] = wire.opens();
    wire.accept(first!.id, { endpoint: ENDPOINT });
    opened.write(bytes(1, 2, 3));
    wire.frames();
    stream = opened;
    wire.cut();
    wire.comeBack();
    wire.events();
    again = wire.opens()[0]!.id;
    const { uid, key } = first!.open;
    proofOf = (received, ended = false) => `accept ${uid} 1 ${received} ${ended ? 'ended' : 'open'} ${key}`;
  });

  test('counts as fruitless until something came of it: words alone are nothing', () => {
    const resume = { received: 0, ended: false, proof: proofOf(0) };
    wire.accept(again, { endpoint: ENDPOINT, resume });
    expect(stream.fruitlessReopens).toBe(1);
    wire.say(creditFrame(again, 0, 900_000));
    wire.say(dataFrame(again, new Uint8Array(0)));
    expect(stream.fruitlessReopens).toBe(1);
    wire.say(dataFrame(again, bytes(7)));
    expect(stream.fruitlessReopens).toBe(0);
  });

  test('that is retryable is asked for again, and slower each time', () => {
    for (let count = 0; count < 3; count++) {
      wire.say(encodeReset(again, { code: 'LIMIT_STREAMS', reason: 'later' }));
      expect(wire.told()).toEqual([`CLOSE ${again}`]);
      wire.elapse(1);
      again = wire.opens()[0]!.id;
    }
    expect(wire.events()).toEqual([]);
    expect(stream.isSuspended).toBe(false);
  });

  test.each(['RESUME_UNKNOWN', 'RESUME_EXPIRED', 'FORBIDDEN'] as const)('%s fails the stream', (code) => {
    wire.say(encodeReset(again, { code, reason: 'no' }));
    expect([wire.told(), wire.events(), wire.left]).toEqual([[`CLOSE ${again}`], [`failed ${code}`], NOTHING_LEFT]);
  });

  test('RESUME_EXPIRED of a relay that waits less than we do is asked for again', () => {
    wire.say(encodeReset(again, { code: 'RESUME_EXPIRED', reason: 'not here', retryable: true }));
    wire.elapse(1);
    expect(wire.opens()).toHaveLength(1);
  });

  test.each<[string, object, string]>([
    ['no proof', {}, 'RESUME_UNKNOWN'],
    ['a wrong one', { resume: { received: 0, ended: false, proof: 'wrong' } }, 'RESUME_UNKNOWN'],
  ])('with %s fails the stream, there and here, and nothing else', (_, accept, code) => {
    wire.accept(again, accept);
    expect([wire.told(), wire.events()]).toEqual([[`RESET ${again} ${code}`], [`failed ${code}`]]);
    wire.say(encodeClose(again));
    expect(wire.left).toEqual(NOTHING_LEFT);
    expect(wire.connection.isOpen).toBe(true);
  });

  test.each([
    ['more bytes than were sent', 4, false],
    ['an END that was not sent', 3, true],
  ])('with %s fails the stream, there and here', (_, received, ended) => {
    wire.accept(again, { resume: { received, ended, proof: proofOf(received, ended) } });
    expect([wire.told(), wire.events()]).toEqual([[`RESET ${again} PROTOCOL`], ['failed PROTOCOL']]);
    wire.say(encodeClose(again));
    expect(wire.left).toEqual(NOTHING_LEFT);
  });

  test.each([
    ['DATA', (id: number) => dataFrame(id, bytes(1))],
    ['CREDIT', (id: number) => creditFrame(id, 0, 100)],
    ['END', (id: number) => endFrame(id, 0)],
    ['END_ACK', (id: number) => encodeEndAck(id)],
    ['CLOSE', (id: number) => encodeClose(id)],
  ])('that is %s is a breach', (_, frame) => {
    wire.say(frame(again));
    expect(wire.connection.endReason?.code).toBe('PROTOCOL');
  });
});

describe('a stream that is over for the application', () => {
  test('is given up after half a minute without an answer, with a word', () => {
    const wire = Wire.opened();
    const stream = wire.connected();
    stream.reset(new TrunklineError('CANCELED', 'enough'));
    expect(wire.told()).toEqual(['RESET 1 CANCELED']);
    wire.elapse(29_999);
    expect(wire.left).toEqual({ streams: 1, suspended: 0, ids: 1, deadline: 30_000 });
    wire.elapse(1);
    expect([wire.told(), wire.events(), wire.left]).toEqual([['DETACH 1 CONNECTION_LOST'], [], NOTHING_LEFT]);
  });

  test.each(['RESET', 'CLOSE', 'DETACH'])('is released by %s', (type) => {
    const wire = Wire.opened();
    wire.connected().reset(new TrunklineError('CANCELED', 'enough'));
    wire.frames();
    wire.say(type === 'RESET' ? encodeReset(1, LOST) : type === 'CLOSE' ? encodeClose(1) : encodeDetach(1, LOST));
    // A DETACH only says that it was not heard: it is opened again, to say it.
    if (type === 'DETACH') {
      wire.elapse(0);
      expect(wire.told()).toEqual(['OPEN 3 resume again: 0']);
      wire.say(encodeReset(3, { code: 'RESUME_UNKNOWN', reason: '' }));
      wire.frames();
    }
    expect([wire.told(), wire.events(), wire.left]).toEqual([[], [], NOTHING_LEFT]);
  });

  test.each(['GOING_AWAY', 'LIMIT_STREAMS'] as const)(
    'comes again after %s: the other side is still to be told',
    (code) => {
      const wire = Wire.opened();
      wire.connected().reset(new TrunklineError('CANCELED', 'enough'));
      wire.cut();
      wire.comeBack();
      wire.say(encodeReset(wire.opens()[0]!.id, { code, reason: 'later' }));
      wire.elapse(1);
      const again = wire.opens()[0]!.id;
      wire.accept(again);
      expect(wire.told()).toEqual([`RESET ${again} CANCELED`]);
      wire.say(encodeClose(again));
      expect(wire.left).toEqual(NOTHING_LEFT);
    },
  );

  describe('before the answer to its connect was here', () => {
    const givenUp = () => {
      const wire = Wire.opened();
      wire.tunnel.open({ kind: 'connect', name: 'n', waitMs: 0 }, null).reset(new TrunklineError('CANCELED', 'enough'));
      expect(wire.told()).toEqual(['OPEN 1 connect', 'RESET 1 CANCELED']);
      return wire;
    };

    test('learns from the answer where there is somebody to be told', () => {
      const wire = givenUp();
      wire.accept(1, { endpoint: ENDPOINT });
      wire.cut();
      wire.comeBack();
      expect(wire.told()).toEqual(['OPEN 1 resume again: 0']);
    });

    test('the same, where the connect was a repeated one', () => {
      const wire = Wire.opened();
      const stream = wire.tunnel.open({ kind: 'connect', name: 'n', waitMs: 0 }, null);
      wire.cut();
      wire.comeBack();
      stream.reset(new TrunklineError('CANCELED', 'enough'));
      wire.accept(1, { endpoint: ENDPOINT });
      wire.cut();
      wire.comeBack();
      expect(wire.told()).toEqual(['OPEN 1 resume again: 0']);
    });

    test('asks for no name again: to whoever listens there, it would be somebody new', () => {
      const wire = givenUp();
      wire.cut();
      wire.comeBack();
      expect([wire.told(), wire.left]).toEqual([[], NOTHING_LEFT]);
    });

    test('nor when the relay goes away', () => {
      const wire = Wire.opened();
      const stream = wire.tunnel.open({ kind: 'connect', name: 'n', waitMs: 0 }, null);
      wire.cut();
      wire.comeBack();
      stream.reset(new TrunklineError('CANCELED', 'enough'));
      wire.frames();
      wire.say(encodeReset(1, { code: 'GOING_AWAY', reason: 'restart' }));
      expect([wire.told(), wire.left]).toEqual([[], NOTHING_LEFT]);
    });
  });

  test('hears nothing of what was on its way', () => {
    const wire = Wire.opened();
    wire.connected().reset(new TrunklineError('CANCELED', 'enough'));
    wire.say(dataFrame(1, bytes(1)), creditFrame(1, 0, 100), endFrame(1, 1));
    expect([wire.events(), wire.connection.isOpen]).toEqual([[], true]);
  });

  test('makes room for a new one, where it is suspended and the peer allows no more', () => {
    const wire = new Wire();
    wire.dial();
    wire.welcome({ maxStreams: 1 });
    wire.connected().reset(new TrunklineError('CANCELED', 'enough'));
    wire.cut();
    wire.frames();
    wire.events();
    wire.tunnel.open({ kind: 'plain' }, null);
    expect([wire.events(), wire.left.streams, wire.left.suspended]).toEqual([[], 1, 0]);
  });
});

test('WELCOME of a dialer that has no window says no endpoint, gives no key, and loses all with its connection', () => {
  const wire = new Wire({ resumeWindowMs: 0 });
  wire.dial();
  const [hello] = wire.frames();
  expect(hello).toMatchObject({ type: 'HELLO', hello: expect.not.objectContaining({ endpoint: expect.anything() }) });
  wire.say(
    encodeWelcome({
      version: 1,
      limits: wire.connection.limits,
      heartbeat: { intervalMs: 1000, timeoutMs: 1000 },
      relayId: 'r',
      resumeWindowMs: 1000,
    }),
  );
  const stream = wire.tunnel.open({ kind: 'connect', name: 'n', waitMs: 0 }, null);
  const { open } = wire.opens()[0]!;
  expect(open).not.toHaveProperty('key');
  wire.accept(1, { endpoint: ENDPOINT });
  stream.write(bytes(1, 2, 3));
  wire.frames();
  expect(stream.retainedBytes).toBe(0);
  wire.cut();
  expect(wire.events()).toEqual(['open', 'opened', 'drained', 'failed CONNECTION_LOST', 'closed CONNECTION_LOST']);
  expect(wire.left).toEqual(NOTHING_LEFT);
});
