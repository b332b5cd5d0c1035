import { describe, expect, test } from 'vitest';
import type { RelayCore } from '../../relay/relay-core.js';
import { encodeAccept, encodeClose, encodeEndAck, encodeReset } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Offer, OpenFrame } from '../../src/protocol/frames.js';
import { SeededRandom } from '../support/seeded-random.js';
import { CorePeer, creditFrame, dataFrame, endFrame, makeRelay } from './core-peer.js';

/** What is really there, by those who keep it and not by those who count it. */
function present(core: RelayCore): Record<string, number> {
  const inside = core as unknown as {
    connections: Set<{ streamCount: number }>;
    registry: { size: number; reservedCount: number };
    broker: {
      pendingCount: number;
      pendingResumeCount: number;
      resumes: { pending: { all(): { kind: 'parked' | 'asked' }[] } };
    };
  };
  const { registry, broker } = inside;
  const places = [...inside.connections].reduce((sum, { streamCount }) => sum + streamCount, 0);
  const asked = broker.resumes.pending.all().filter(({ kind }) => kind === 'asked').length;
  const unjoined = registry.size - registry.reservedCount + broker.pendingCount + broker.pendingResumeCount + asked;
  return {
    tunnels: inside.connections.size,
    names: registry.size,
    connects: broker.pendingCount,
    resumes: broker.pendingResumeCount,
    // Each has a place on two connections.
    splices: (places - unjoined) / 2,
  };
}

function counted(core: RelayCore): Record<string, number> {
  const { tunnels, names, connects, resumes, splices } = core.stats;
  expect(tunnels.active).toBe(tunnels.opened - tunnels.closed);
  expect(names.active).toBe(names.created - names.destroyed);
  expect(splices.active).toBe(splices.opened - splices.closed);
  return {
    tunnels: tunnels.active,
    names: names.active,
    connects: connects.pending,
    resumes: resumes.pending,
    splices: splices.active,
  };
}

/** Peers that ask for everything, answer some of it, and are lost at any moment. */
class Crowd {
  readonly clock = { now: 0 };
  readonly core: RelayCore;
  private readonly peers: CorePeer[] = [];
  private readonly offers: { peer: CorePeer; offer: Offer }[] = [];
  private readonly reopened: { peer: CorePeer; open: OpenFrame }[] = [];
  private readonly streams: { peer: CorePeer; id: number }[] = [];

  constructor(private readonly random: SeededRandom) {
    const limits = { acceptTimeoutMs: 400, maxWaitMs: 600, maxPendingConnects: 4 };
    this.core = makeRelay({ limits, resumeWindowMs: 500 }, this.clock).core;
  }

  step(): void {
    this.clock.now += this.random.integer(0, 59);
    this.core.advance(this.clock.now);
    for (const peer of this.peers) peer.now = this.clock.now;
    const steps = [
      () => this.arrive(),
      () => this.arrive(),
      () => this.pick(this.peers)?.listen(this.name(), { owner: 'me' }),
      () => this.pick(this.peers)?.listen(this.name()),
      () => this.connect(),
      () => this.connect(),
      () => this.connect(),
      () => this.pick(this.peers)?.resume(this.endpoint(), {}, this.random.integer(0, 799)),
      () => this.accept(),
      () => this.accept(),
      () => this.answerResume(),
      () => this.resetOne(),
      () => this.leave(),
    ];
    this.pick(steps)?.();
    this.collect();
  }

  end(): void {
    this.core.close(new TrunklineError('GOING_AWAY', 'the end'));
  }

  private arrive(): void {
    if (this.peers.length < 8) this.peers.push(new CorePeer(this.core, {}, this.clock.now, this.endpoint()));
  }

  private connect(): void {
    const peer = this.pick(this.peers);
    if (peer) this.streams.push({ peer, id: peer.connect(this.name(), {}, this.random.integer(0, 1) * 500) });
  }

  private accept(): void {
    const taken = this.take(this.offers);
    if (taken) this.streams.push({ peer: taken.peer, id: taken.peer.accept(taken.offer) });
  }

  private answerResume(): void {
    const taken = this.take(this.reopened);
    if (!taken) return;
    const { peer, open } = taken;
    const resume = { epoch: 1, received: 0, ended: false, proof: 'p' };
    if (this.random.chance(0.5)) peer.send(encodeAccept(open.id, { meta: null, credit: 1000, resume }));
    else peer.send(encodeReset(open.id, { code: 'RESUME_UNKNOWN', reason: 'never heard of it' }));
  }

  private resetOne(): void {
    const taken = this.take(this.streams);
    taken?.peer.send(encodeReset(taken.id, { code: 'CANCELED', reason: 'no more' }));
  }

  private leave(): void {
    const peer = this.take(this.peers);
    const code = this.pick(['CONNECTION_LOST', 'TUNNEL_CLOSED', 'PROTOCOL'] as const) ?? 'PROTOCOL';
    peer?.connection.lost(new TrunklineError(code, 'it is gone'));
  }

  private collect(): void {
    for (const peer of [...this.peers]) {
      for (const frame of peer.frames()) {
        if (frame.type === 'RESET') peer.send(encodeClose(frame.id));
        if (frame.type === 'OFFER') this.offers.push({ peer, offer: frame.offer });
        if (frame.type === 'OPEN') this.reopened.push({ peer, open: frame });
      }
      if (peer.connection.hasEnded) this.peers.splice(this.peers.indexOf(peer), 1);
    }
  }

  private readonly name = (): string => `NAME-${this.random.integer(0, 3)}`;
  private readonly endpoint = (): string => `endpoint ${this.random.integer(0, 9)}`;

  private pick<T>(list: readonly T[]): T | undefined {
    return list[this.random.integer(0, Math.max(0, list.length - 1))];
  }

  private take<T>(list: T[]): T | undefined {
    return list.splice(this.random.integer(0, Math.max(0, list.length - 1)), 1)[0];
  }
}

test.each(Array.from({ length: 20 }, () => Math.floor(Math.random() * 2 ** 31)))(
  'active is opened minus closed, whatever happens: seed %i',
  (seed) => {
    const crowd = new Crowd(new SeededRandom(seed));
    const seen = { tunnels: 0, names: 0, connects: 0, resumes: 0, splices: 0 };
    for (let step = 0; step < 400; step++) {
      crowd.step();
      const now = counted(crowd.core);
      expect(now, `step ${step}`).toEqual(present(crowd.core));
      for (const kind of Object.keys(seen) as (keyof typeof seen)[]) seen[kind] = Math.max(seen[kind], now[kind] ?? 0);
    }
    for (const [kind, most] of Object.entries(seen)) expect(most, kind).toBeGreaterThan(0);
    crowd.end();
    expect(counted(crowd.core)).toEqual({ tunnels: 0, names: 0, connects: 0, resumes: 0, splices: 0 });
    const { tunnels, splices, streams, tunnelEnds } = crowd.core.stats;
    expect(Object.values(tunnelEnds).reduce((sum, count) => sum + count, 0)).toBe(tunnels.closed);
    expect(streams.finished + streams.reset + streams.lost + splices.detached).toBe(splices.closed);
  },
);

function joined(options = {}) {
  const { core } = makeRelay(options);
  const [listener, client] = [new CorePeer(core), new CorePeer(core)];
  listener.listen('NAME');
  const clientId = client.connect('NAME');
  const [offer] = listener.offers();
  const listenerId = listener.accept(offer as Offer);
  client.frames();
  listener.frames();
  return { core, listener, client, clientId, listenerId };
}

describe('bytes', () => {
  test('are counted once they have left for the other side, also of streams that are over', () => {
    const { core, client, listener, clientId } = joined();
    client.send(dataFrame(clientId, new Uint8Array(1000)));
    expect(core.stats.bytes.passed).toBe(0);
    expect(core.ledger.counters.queuedBytes).toBe(1000);
    listener.frames();
    expect(core.stats.bytes.passed).toBe(1000);
    expect(core.ledger.counters.queuedBytes).toBe(0);
    listener.connection.lost(new TrunklineError('TUNNEL_CLOSED', 'gone'));
    expect(core.stats.bytes.passed).toBe(1000);
    expect(core.stats.splices.active).toBe(0);
  });

  test('of a stream that is carried on are those that were passed on here', () => {
    const { core } = makeRelay();
    const [listener, client] = [new CorePeer(core, {}, 0, 'server'), new CorePeer(core)];
    const resume = { epoch: 1, received: 0, ended: false, proof: 'p' };
    const id = client.resume('server', { resume });
    const [open] = listener.opened();
    listener.send(encodeAccept(open?.id ?? 0, { meta: null, credit: 900_000, resume: { ...resume, received: 5_000 } }));
    client.frames();
    client.send(dataFrame(id, new Uint8Array(10)));
    listener.frames();
    expect(core.stats.bytes.passed).toBe(10);
    expect(core.stats.resumes).toMatchObject({ requested: 1, matched: 1, pending: 0 });
  });
});

describe('how streams ended', () => {
  test('finished: both directions were acknowledged', () => {
    const { core, client, listener, clientId, listenerId } = joined();
    for (const [peer, id] of [
      [client, clientId],
      [listener, listenerId],
    ] as const)
      peer.send(endFrame(id, 0));
    for (const [peer, id] of [
      [client, clientId],
      [listener, listenerId],
    ] as const) {
      peer.frames();
      peer.send(encodeEndAck(id));
    }
    for (const [peer, id] of [
      [client, clientId],
      [listener, listenerId],
    ] as const)
      peer.send(encodeClose(id));
    expect(core.stats).toMatchObject({
      splices: { closed: 1, active: 0 },
      streams: { finished: 1, reset: 0, lost: 0 },
    });
  });

  test('reset: one side gave it up', () => {
    const { core, client, listener, clientId, listenerId } = joined();
    client.send(encodeReset(clientId, { code: 'CANCELED', reason: 'no more' }));
    listener.send(encodeClose(listenerId));
    expect(core.stats).toMatchObject({
      splices: { closed: 1, active: 0 },
      streams: { finished: 0, reset: 1, lost: 0 },
    });
  });

  test('lost: one tunnel ended under it', () => {
    const { core, client } = joined();
    client.connection.lost(new TrunklineError('TUNNEL_CLOSED', 'gone'));
    expect(core.stats).toMatchObject({
      splices: { closed: 1, active: 0 },
      streams: { finished: 0, reset: 0, lost: 1 },
    });
    expect(core.stats.tunnelEnds).toEqual({ TUNNEL_CLOSED: 1 });
  });
});

describe('refusals', () => {
  test('are counted by code, whoever decides them', () => {
    const { core, clock } = makeRelay({ limits: { maxMetaBytes: 8, acceptTimeoutMs: 100, maxNames: 1 } });
    const [listener, client] = [new CorePeer(core), new CorePeer(core)];
    client.connect('NOBODY');
    client.connect('NOBODY', { meta: 'far too long for this relay' });
    client.connect('no name at all');
    listener.listen('ONE');
    listener.listen('TWO');
    client.listen('ONE');
    client.connect('ONE');
    clock.now = 200;
    core.advance(200);
    client.resume('nobody', {}, 0);
    expect(core.stats.refusals).toEqual({
      NO_LISTENER: 1,
      LIMIT_BYTES: 1,
      BAD_NAME: 1,
      LIMIT_NAMES: 1,
      NAME_TAKEN: 1,
      ACCEPT_TIMEOUT: 1,
      RESUME_EXPIRED: 1,
    });
  });

  test('of streams that are to be carried on: nobody came, nobody answered, or they are not known', () => {
    const { core, clock } = makeRelay({ limits: { acceptTimeoutMs: 100 } });
    const [listener, client] = [new CorePeer(core, {}, 0, 'server'), new CorePeer(core)];
    client.resume('nobody', {}, 50);
    client.resume('server');
    client.resume('server');
    const [first] = listener.opened();
    listener.send(encodeReset(first?.id ?? 0, { code: 'RESUME_UNKNOWN', reason: 'never heard of it' }));
    clock.now = 200;
    core.advance(200);
    expect(core.stats.refusals).toEqual({ RESUME_EXPIRED: 1, ACCEPT_TIMEOUT: 1, RESUME_UNKNOWN: 1 });
    expect(core.stats.resumes).toMatchObject({ requested: 3, refused: 1, expired: 2, pending: 0 });
  });

  test('a stream that its listener resets later is none', () => {
    const { core, listener, listenerId } = joined();
    listener.send(encodeReset(listenerId, { code: 'CANCELED', reason: 'no more' }));
    expect(core.stats.refusals).toEqual({});
  });
});

describe('a source that has used up its credit', () => {
  const options = { limits: { egressBytes: 1_000, earlyWindowBytes: 100 } };

  test('is stalled while its sink would take more, and no longer once bytes have left', () => {
    const { core, client, listener, clientId } = joined(options);
    client.send(dataFrame(clientId, new Uint8Array(499)));
    expect(core.stats.stalls).toEqual({ begun: 0, active: 0 });
    client.send(dataFrame(clientId, new Uint8Array(1)));
    expect(core.stats.stalls).toEqual({ begun: 1, active: 1 });
    listener.frames();
    client.frames();
    expect(core.stats.stalls).toEqual({ begun: 1, active: 0 });
    client.send(dataFrame(clientId, new Uint8Array(500)));
    expect(core.stats.stalls).toEqual({ begun: 2, active: 1 });
    client.connection.lost(new TrunklineError('TUNNEL_CLOSED', 'gone'));
    expect(core.stats.stalls).toEqual({ begun: 2, active: 0 });
  });

  test('is not, where the sink takes no more', () => {
    const { core } = makeRelay();
    const [listener, client] = [new CorePeer(core), new CorePeer(core)];
    listener.listen('NAME');
    const id = client.connect('NAME');
    const listenerId = listener.accept(listener.offers()[0] as Offer, { credit: 20_000 });
    client.frames();
    client.send(dataFrame(id, new Uint8Array(20_000)));
    const [splice] = core.ledger.counters.splices.keys();
    expect(splice?.toListener.heldBackBy).toBe('sink');
    expect(core.stats.stalls).toEqual({ begun: 0, active: 0 });
    listener.frames();
    listener.send(creditFrame(listenerId, 20_000, 40_000));
    client.frames();
    expect(splice?.toListener.heldBackBy).toBeUndefined();
  });
});
