import { describe, expect, test } from 'vitest';
import { Outbox } from '../../src/core/outbox.js';
import { Pings } from '../../src/core/pings.js';
import { FrameDecoder } from '../../src/protocol/decode.js';
import type { Frame } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';

const HEARTBEAT = { intervalMs: 1000, timeoutMs: 500 };

type Ping = Frame & { type: 'PING' | 'PONG' };

/** Pings of an acceptor or a dialer, and what they send. */
function started(isPinger: boolean) {
  const outbox = new Outbox();
  outbox.open(DEFAULT_LIMITS);
  const pings = new Pings(outbox);
  const decoder = new FrameDecoder(DEFAULT_LIMITS.maxFrameBytes, DEFAULT_LIMITS.maxMessageBytes);
  const decode = (bytes: Uint8Array): Ping[] => decoder.decode(bytes, true).frames as Ping[];
  pings.begin(HEARTBEAT, isPinger, 0);
  return {
    pings,
    decode,
    sent: () => (outbox.takeMessage() ?? []).flatMap((part) => decode(part)),
  };
}

function pong(payload: Uint8Array): Ping {
  return { type: 'PONG', payload };
}

describe('before the handshake', () => {
  test('nothing is due, nobody is given up, and what comes does not matter', () => {
    const pings = new Pings(new Outbox());
    pings.heard(5);
    expect([pings.nextDeadline(), pings.advance(1e9)]).toEqual([Number.POSITIVE_INFINITY, undefined]);
  });
});

describe('the heartbeat', () => {
  test('pings once in an interval, as long as something is heard', () => {
    const { pings, sent } = started(true);
    const told: string[][] = [];
    for (const now of [999, 1000, 1001, 2000, 3000]) {
      pings.heard(now);
      expect(pings.advance(now)).toBeUndefined();
      told.push(sent().map(({ type }) => type));
    }
    expect(told).toEqual([[], ['PING'], [], ['PING'], ['PING']]);
  });

  test('is the acceptor’s alone', () => {
    const { pings, sent } = started(false);
    expect([pings.advance(1200), sent(), pings.nextDeadline()]).toEqual([undefined, [], 1500]);
  });

  test('that is not answered gives the peer up', () => {
    const { pings } = started(true);
    expect(pings.advance(1499)).toBeUndefined();
    expect(pings.advance(1500)).toMatchObject({ code: 'CONNECTION_LOST' });
  });
});

describe('round trips', () => {
  test('are measured from the first one that somebody asks for, those of the heartbeat as well', () => {
    const { pings, decode, sent } = started(true);
    pings.heard(1000);
    pings.advance(1000);
    const untimed = sent()[0]!;
    expect(pings.receive(pong(untimed.payload), 1010)).toBeUndefined();

    const { sequence, frame } = pings.timed(1100);
    expect(pings.receive(pong(decode(frame)[0]!.payload), 1130)).toEqual({ sequence, roundTripMs: 30 });

    pings.heard(2000);
    pings.advance(2000);
    expect(pings.receive(pong(sent()[0]!.payload), 2007)).toEqual({ sequence: sequence + 1, roundTripMs: 7 });
  });

  test('of several at once are told apart', () => {
    const { pings, decode } = started(true);
    const asked = [100, 200, 300].map((now) => pings.timed(now));
    const measured = asked.map(({ frame }) => pings.receive(pong(decode(frame)[0]!.payload), 400));
    expect(measured).toEqual(
      asked.map(({ sequence }, index) => ({ sequence, roundTripMs: [300, 200, 100][index] as number })),
    );
  });

  test('are none when nothing was asked', () => {
    const { pings } = started(true);
    expect(pings.receive(pong(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1)), 10)).toBeUndefined();
  });
});

test('a ping is answered with its own payload', () => {
  const { pings, sent } = started(false);
  const payload = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  expect(pings.receive({ type: 'PING', payload }, 10)).toBeUndefined();
  expect(sent()).toEqual([{ type: 'PONG', payload }]);
});
