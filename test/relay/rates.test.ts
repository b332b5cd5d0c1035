import { describe, expect, test } from 'vitest';
import { type GivenRates, RATE_NAMES, resolveRates } from '../../relay/rates.js';
import {
  encodeClose,
  encodePing,
  encodePong,
  encodeRefuse,
  encodeReset,
  encodeToken,
} from '../../src/protocol/encode.js';
import { creditFrame, dataFrame } from './core-peer.js';
import { joined, type LimitedPeer, LimitedRelay } from './limited-peer.js';

const rate = (burst: number, perSecond = 1) => ({ burst, perSecond });

/** A frame of a type that nobody knows. */
const unknown = Uint8Array.of(0, 0, 0, 0, 0x7e, 0, 0, 0);

function relayWith(rates: GivenRates): LimitedRelay {
  return new LimitedRelay({ rates });
}

/** Whoever is beside an attacker: what it is told is what it would be told alone. */
function expectUnharmed(peer: LimitedPeer): void {
  peer.frames();
  peer.send(encodePing(new Uint8Array(8)));
  expect(peer.told()).toEqual(['PONG']);
}

describe('what ends a tunnel (R175)', () => {
  const floods: {
    name: keyof GivenRates;
    title: string;
    act: (relay: LimitedRelay, peer: LimitedPeer) => () => void;
  }[] = [
    { name: 'pings', title: 'PING', act: (_relay, peer) => () => peer.send(encodePing(new Uint8Array(8))) },
    {
      name: 'pings',
      title: 'PONG that nobody asked for',
      act: (_relay, peer) => () => peer.send(encodePong(new Uint8Array(8))),
    },
    { name: 'tokens', title: 'TOKEN', act: (_relay, peer) => () => peer.send(encodeToken('t')) },
    {
      name: 'resets',
      title: 'OPEN and RESET',
      act: (relay, peer) => {
        relay.peer('192.0.2.9').listen('n');
        return () => peer.cancel(peer.connect('n'));
      },
    },
    { name: 'refusals', title: 'connects to nobody', act: (_relay, peer) => () => peer.connect('nobody') },
    {
      name: 'refusals',
      title: 'targets that a relay does not have',
      act: (_relay, peer) => () => peer.open({ kind: 'plain' }),
    },
    {
      name: 'refusals',
      title: 'guessed offer ids',
      act: (_relay, peer) => () => peer.open({ kind: 'accept', offerId: '7'.repeat(32) }),
    },
    {
      name: 'refusals',
      title: 'REFUSE of offers that never were',
      act: (_relay, peer) => {
        const id = peer.listen('n');
        return () => peer.send(encodeRefuse(id, { id: '7'.repeat(32), code: 'REFUSED', reason: '' }));
      },
    },
    { name: 'idleFrames', title: 'frames of unknown type', act: (_relay, peer) => () => peer.send(unknown) },
    {
      name: 'idleFrames',
      title: 'parts of messages with nothing in them',
      act: (_relay, peer) => () => peer.connection.receive(new Uint8Array(0), peer.now, false),
    },
    ...(
      [
        ['empty DATA', (id: number) => dataFrame(id, new Uint8Array(0))],
        ['CREDIT that moves nothing', (id: number) => creditFrame(id, 0, 0)],
        ['CREDIT that moves a byte', (id: number, count: number) => creditFrame(id, 0, 1_000_000 + count)],
      ] as const
    ).map(([title, frame]) => ({
      name: 'idleFrames' as const,
      title,
      act: (relay: LimitedRelay, peer: LimitedPeer) => {
        const listener = relay.peer('192.0.2.9');
        listener.listen('n');
        const { connected } = joined(listener, peer, 'n');
        let count = 0;
        return () => peer.send(frame(connected, ++count));
      },
    })),
    {
      name: 'idleFrames',
      title: 'frames of a stream that is over',
      act: (_relay, peer) => {
        const id = peer.connect('nobody');
        return () => peer.send(dataFrame(id, new Uint8Array(1)));
      },
    },
    {
      name: 'idleFrames',
      title: 'DATA behind the RESET of it',
      act: (relay, peer) => {
        const listener = relay.peer('192.0.2.9');
        listener.listen('n');
        const { connected } = joined(listener, peer, 'n');
        peer.cancel(connected);
        return () => peer.send(dataFrame(connected, new Uint8Array(1)));
      },
    },
    {
      name: 'idleFrames',
      title: 'CREDIT for what the relay itself says',
      act: (_relay, peer) => {
        const id = peer.listen('n');
        let count = 0;
        return () => peer.send(creditFrame(id, 0, 1_000_000 * ++count));
      },
    },
  ];

  test.each(floods)('$title: the burst and what time brings back, and not one more', ({ name, act }) => {
    const relay = relayWith({ [name]: rate(5) });
    const [attacker, neighbour] = [relay.peer('192.0.2.1'), relay.peer('192.0.2.2')];
    const flood = act(relay, attacker);
    expect(attacker.repeat(5, flood)).toBe(5);
    expect(attacker.connection.endReason).toBeUndefined();
    relay.pass(2000, attacker, neighbour);
    expect(attacker.repeat(10, flood)).toBe(3);
    expect(attacker.isCut).toBe(true);
    expect(attacker.farewell()?.error).toMatchObject({ code: 'LIMIT_RATE', retryAfterMs: 2500 });
    expect(relay.ends).toEqual({ LIMIT_RATE: 1 });
    expectUnharmed(neighbour);
  });
});

describe('opens', () => {
  test('past the budget wait for their turn, in order, and are not refused (R174)', () => {
    const relay = relayWith({ opens: rate(3, 2) });
    const [listener, client] = [relay.peer('192.0.2.9'), relay.peer()];
    listener.listen('n');
    listener.frames();
    for (const meta of [1, 2, 3, 4, 5]) client.connect('n', { meta });
    expect(listener.offers().map(({ meta }) => meta)).toEqual([1, 2, 3]);
    expect(relay.core.nextDeadline()).toBe(relay.clock.now + 500);
    relay.pass(499);
    expect(listener.offers()).toEqual([]);
    relay.pass(1);
    expect(listener.offers().map(({ meta }) => meta)).toEqual([4]);
    relay.pass(500);
    expect(listener.offers().map(({ meta }) => meta)).toEqual([5]);
    expect(client.frames()).toEqual([]);
    expect(relay.core.stats.refusals).toEqual({});
  });

  test('that wait are as few as unanswered connects', () => {
    const relay = new LimitedRelay({ rates: { opens: rate(1) }, limits: { maxPendingConnects: 2 } });
    const client = relay.peer();
    relay.peer('192.0.2.9').listen('n');
    const ids = [1, 2, 3, 4].map(() => client.connect('n'));
    expect(client.told()).toEqual([`RESET ${ids[3]} LIMIT_STREAMS`]);
    expect(relay.core.stats.refusals).toEqual({ LIMIT_STREAMS: 1 });
  });

  test('that were given up, or whose tunnel is gone, do not come to their turn', () => {
    const relay = relayWith({ opens: rate(1) });
    const [listener, client, gone] = [relay.peer('192.0.2.9'), relay.peer(), relay.peer()];
    listener.listen('n');
    listener.frames();
    client.connect('n');
    client.cancel(client.connect('n'));
    gone.connect('n');
    gone.connect('n');
    gone.lose();
    expect(listener.offers()).toHaveLength(2);
    relay.pass(10_000);
    expect(listener.offers()).toEqual([]);
    expect(relay.core.nextDeadline()).toBeGreaterThan(relay.clock.now);
  });

  test('of a neighbour do not wait', () => {
    const relay = relayWith({ opens: rate(1) });
    const [listener, client, neighbour] = [relay.peer('192.0.2.9'), relay.peer(), relay.peer('192.0.2.2')];
    listener.listen('n');
    listener.frames();
    client.connect('n', { meta: 'first' });
    client.connect('n', { meta: 'second' });
    neighbour.connect('n', { meta: 'neighbour' });
    expect(listener.offers().map(({ meta }) => meta)).toEqual(['first', 'neighbour']);
  });
});

describe('re-opens', () => {
  test('past the budget are to be tried later', () => {
    const relay = relayWith({ resumes: rate(2) });
    const client = relay.peer();
    const ids = [1, 2, 3].map(() => client.resume('away', {}, 1000));
    expect(client.told()).toEqual([`RESET ${ids[2]} LIMIT_RATE`]);
    relay.pass(1000, client);
    client.frames();
    client.resume('away', {}, 1000);
    expect(client.told()).toEqual([]);
  });
});

describe('listeners of one owner that take a name from each other', () => {
  test('do so only so often; the one that has it keeps it', () => {
    const relay = relayWith({ takeovers: rate(2) });
    const duellists = [relay.peer('192.0.2.1'), relay.peer('192.0.2.2')] as const;
    const owner = 'o'.repeat(32);
    const take = (turn: number): string[] => {
      const duellist = duellists[turn % 2] as LimitedPeer;
      const id = duellist.listen('n', { owner });
      return duellist.told().filter((line) => line.includes(` ${id}`));
    };
    expect([0, 1, 2].map((turn) => take(turn)[0])).toEqual(['ACCEPT 1 262144', 'ACCEPT 1 262144', 'ACCEPT 3 262144']);
    expect(take(3)).toEqual(['RESET 3 LIMIT_RATE']);
    expect(relay.core.names).toEqual(['n']);
    relay.pass(1000, ...duellists);
    expect(take(5)).toEqual(['ACCEPT 5 262144']);
  });
});

describe('what others make a peer do is free (R176)', () => {
  test('to accept an offer that is not there any more', () => {
    const relay = relayWith({ refusals: rate(1) });
    const [listener, client] = [relay.peer('192.0.2.9'), relay.peer()];
    listener.listen('n');
    listener.frames();
    listener.repeat(20, () => {
      client.cancel(client.connect('n'));
      for (const offer of listener.offers()) listener.accept(offer);
    });
    expect(listener.connection.hasEnded).toBe(false);
  });

  test('to refuse every offer, and to give up every stream that it took', () => {
    const relay = relayWith({ refusals: rate(1), resets: rate(1) });
    const listener = relay.peer('192.0.2.9');
    const id = listener.listen('n');
    listener.frames();
    for (let count = 0; count < 20; count++) {
      const client = relay.peer(`192.0.2.${20 + count}`);
      client.connect('n');
      for (const offer of listener.offers())
        listener.send(encodeRefuse(id, { id: offer.id, code: 'REFUSED', reason: '' }));
      listener.cancel(joined(listener, client, 'n').accepted);
      listener.frames();
    }
    expect(listener.connection.endReason).toBeUndefined();
  });

  test('to refuse re-opens of streams that it does not know', () => {
    const relay = relayWith({ resets: rate(1), idleFrames: rate(1) });
    const [victim, attacker] = [relay.peer('192.0.2.9', 'victim'), relay.peer()];
    for (let count = 0; count < 20; count++) {
      attacker.resume('victim');
      for (const { id } of victim.opened()) victim.send(encodeReset(id, { code: 'RESUME_UNKNOWN', reason: '' }));
    }
    expect(victim.connection.endReason).toBeUndefined();
  });
});

describe('by default, ordinary heavy use', () => {
  test('may open a thousand streams at once, thirty-two unanswered at a time', () => {
    const relay = new LimitedRelay();
    const [listener, client] = [relay.peer('192.0.2.9'), relay.peer()];
    listener.listen('n');
    listener.frames();
    for (let count = 0; count < 1000; count += 20) {
      for (let each = 0; each < 20; each++) client.connect('n');
      for (const offer of listener.offers()) listener.accept(offer);
    }
    expect(client.frames().filter(({ type }) => type === 'ACCEPT')).toHaveLength(1000);
    expect([client, listener].map((peer) => peer.connection.hasEnded)).toEqual([false, false]);
  });

  test('may give up a thousand streams at once, and serve others that do so, too', () => {
    const relay = new LimitedRelay();
    const listener = relay.peer('192.0.2.9');
    listener.listen('n');
    listener.frames();
    for (let reload = 0; reload < 3; reload++) {
      const client = relay.peer(`192.0.2.${reload}`);
      const pairs = Array.from({ length: 1000 }, () => joined(listener, client, 'n'));
      for (const { accepted, connected } of pairs) {
        if (reload === 1) listener.cancel(accepted);
        else client.cancel(connected);
      }
      listener.send(...pairs.map(({ accepted }) => encodeClose(accepted)));
      expect(client.connection.endReason).toBeUndefined();
      client.lose();
      listener.frames();
    }
    expect(listener.connection.endReason).toBeUndefined();
  });

  test('may come back for all of its streams at once, three times in a row', () => {
    const relay = new LimitedRelay();
    relay.peer('192.0.2.9', 'there');
    for (let cut = 0; cut < 3; cut++) {
      const client = relay.peer('192.0.2.1', 'client');
      for (let count = 0; count < 1024; count++) client.resume('there');
      expect(client.told()).toEqual([]);
      client.lose();
    }
    expect(relay.core.stats.refusals).toEqual({});
  });

  test('may send much in small frames, and credit for each of them that is read', () => {
    const relay = new LimitedRelay();
    const [listener, client] = [relay.peer('192.0.2.9'), relay.peer()];
    listener.listen('n');
    const { accepted, connected } = joined(listener, client, 'n');
    for (let count = 1; count <= 50_000; count++) {
      client.send(dataFrame(connected, new Uint8Array(20)));
      if (count % 100 !== 0) continue;
      listener.frames();
      listener.send(creditFrame(accepted, count * 20, 1_000_000 + count * 20));
      client.frames();
    }
    expect(relay.core.stats.bytes.passed).toBe(1_000_000);
    expect([client, listener].map((peer) => peer.connection.hasEnded)).toEqual([false, false]);
  });

  test('may reload a hundred pages behind one address, each with streams that it leaves', () => {
    const relay = new LimitedRelay();
    const listener = relay.peer('192.0.2.9');
    listener.listen('n');
    listener.frames();
    for (let page = 0; page < 100; page++) {
      const client = relay.peer('192.0.2.1');
      for (let count = 0; count < 10; count++) joined(listener, client, 'n');
      client.lose();
      listener.frames();
    }
    expect(relay.core.stats.connects).toMatchObject({ requested: 1000, matched: 1000 });
    expect(relay.core.stats.refusals).toEqual({});
  });
});

describe('rates as options', () => {
  test('must be above nothing, and name themselves', () => {
    for (const name of RATE_NAMES) {
      expect(() => resolveRates({ [name]: { burst: 0 } })).toThrow(
        new RangeError(`rates.${name}.burst must be a whole number above 0, not 0`),
      );
      expect(() => resolveRates({ [name]: { perSecond: 0 } })).toThrow(
        new RangeError(`rates.${name}.perSecond must be a number above 0, not 0`),
      );
      expect(resolveRates({ [name]: { burst: 1 } })[name].burst).toBe(1);
    }
  });

  test('have bursts for all streams that a tunnel may have', () => {
    expect(resolveRates({}, 5000)).toMatchObject({
      resets: rate(5000, 33),
      resumes: rate(5000, 500),
      opens: rate(1000, 500),
    });
  });
});
