import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RelayAccess } from '../../relay/access-control.js';
import { type RelayOptions, resolveOptions } from '../../relay/options.js';
import { RelayCore } from '../../relay/relay-core.js';
import { encodeDetach, encodeReset } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Offer } from '../../src/protocol/frames.js';
import { CorePeer, dataFrame, endFrame, nextId } from './core-peer.js';

const CANCELED = { code: 'CANCELED', reason: '' } as const;
const FORBIDDEN = { code: 'FORBIDDEN', reason: 'not you' } as const;
/** So far apart what waits elsewhere is asked for anew. */
const SAMPLE_MS = 250;
const DECISION_MS = 1_000_000;

type Answer = Parameters<RelayAccess['authorize']>[3];

/** A relay at which whoever listens may, and all else is decided on when the test says so. */
class HesitantRelay {
  readonly clock = { now: 0 };
  readonly questions: Answer[] = [];
  readonly core: RelayCore;
  private readonly peers: CorePeer[] = [];

  constructor({ limits, ...options }: RelayOptions = {}) {
    const access: RelayAccess = {
      authenticate: (_connection, _token, answer) => answer({ claims: null, expiresInMs: undefined }),
      authorize: (_connection, action, _name, answer) =>
        action === 'listen' ? answer(undefined) : void this.questions.push(answer),
    };
    this.core = new RelayCore(
      resolveOptions({ ...options, limits: { acceptTimeoutMs: DECISION_MS, ...limits } }),
      nextId(),
      { randomId: nextId, hash: (secret) => secret, newClaim: () => 1, now: () => this.clock.now },
      { created: () => {}, destroyed: () => {}, tunnelOpened: () => {}, defectFound: () => {} },
      access,
    );
  }

  peer(): CorePeer {
    const peer = new CorePeer(this.core, {}, this.clock.now);
    this.peers.push(peer);
    return peer;
  }

  pass(ms: number): void {
    this.clock.now += ms;
    for (const peer of this.peers) peer.now = this.clock.now;
    this.core.advance(this.clock.now);
  }

  /** What is held, when nobody leaves anything unread. */
  heldBytes(...peers: CorePeer[]): number {
    for (const peer of peers) peer.frames();
    this.pass(SAMPLE_MS);
    return this.core.heldBytes;
  }
}

function refusals(peer: CorePeer): string[] {
  return peer.frames().flatMap((frame) => (frame.type === 'RESET' ? [frame.error.code] : []));
}

function lose(peer: CorePeer): void {
  peer.connection.lost(new TrunklineError('CONNECTION_LOST', 'the cable was cut'));
}

describe('what comes while it is decided', () => {
  /** A stream with 1000 bytes in two frames, and its end, which nobody has decided on. */
  const held = (limits: RelayOptions['limits'] = {}) => {
    const relay = new HesitantRelay({ limits });
    const [listener, client] = [relay.peer(), relay.peer()];
    listener.listen('n');
    const before = relay.heldBytes(listener, client);
    const id = client.connect('n', {});
    client.send(dataFrame(id, new Uint8Array(400)), dataFrame(id, new Uint8Array(600)), endFrame(id, 1000));
    const bytes = relay.heldBytes(listener, client);
    return { relay, listener, client, id, before, bytes };
  };

  test('is held, and counted with what its frames take', () => {
    const { before, bytes } = held();
    expect(before).toBe(0);
    expect(bytes).toBeGreaterThan(1000);
    expect(bytes).toBeLessThan(4000);
  });

  test.each<[string, (world: ReturnType<typeof held>) => void]>([
    ['no', ({ relay }) => relay.questions[0]?.(FORBIDDEN)],
    ['yes to what comes to nothing', ({ relay, listener }) => [lose(listener), relay.questions[0]?.(undefined)]],
    ['a RESET', ({ client, id }) => client.send(encodeReset(id, CANCELED))],
    ['a DETACH', ({ client, id }) => client.send(encodeDetach(id, CANCELED))],
    ['no answer in time', ({ relay }) => relay.pass(DECISION_MS)],
    ['a connection that is lost', ({ client }) => lose(client)],
    ['a relay that closes', ({ relay }) => relay.core.close(new TrunklineError('GOING_AWAY', 'done'))],
    ['too many bytes', ({ client, id }) => client.send(dataFrame(id, new Uint8Array(65_536)))],
    [
      'too many frames',
      ({ client, id }) => client.send(...Array.from({ length: 1024 }, () => dataFrame(id, new Uint8Array(1)))),
    ],
  ])('is held no more after %s', (_what, end) => {
    const world = held();
    end(world);
    expect(world.relay.heldBytes(world.listener, world.client)).toBe(0);
  });

  test('is handed on by a yes, and held for the listener then', () => {
    const { relay, listener, client } = held();
    relay.questions[0]?.(undefined);
    const [offer] = listener.offers();
    expect(relay.heldBytes(client)).toBeGreaterThan(1000);
    const accepted = listener.accept(offer as Offer);
    expect(listener.told()).toEqual([`ACCEPT ${accepted} 1000000`, `DATA ${accepted} 1000`, `END ${accepted} 1000`]);
    expect(relay.heldBytes(client)).toBe(0);
  });

  test('gives way where the relay has no memory left: that stream is refused, and nobody is cut', () => {
    const { relay, listener, client, id, bytes } = held({ memoryBytes: 30_000 });
    relay.questions.shift();
    // Somebody for whom much is held: who would be cut, if anybody.
    const slow = relay.peer();
    slow.listen('slow');
    const connected = client.connect('slow');
    relay.questions.shift()?.(undefined);
    const [offer] = slow.offers();
    const accepted = slow.accept(offer as Offer);
    slow.frames();
    client.send(dataFrame(connected, new Uint8Array(10_000)));
    expect(relay.heldBytes(listener, client)).toBeGreaterThan(bytes + 10_000);
    client.send(dataFrame(client.connect('n'), new Uint8Array(15_000)));
    expect(refusals(client)).toEqual(['LIMIT_RATE']);
    expect(slow.told()).toContain(`DATA ${accepted} 10000`);
    expect(relay.heldBytes(listener, client, slow)).toBe(bytes);
    client.send(encodeReset(id, CANCELED));
    expect(relay.heldBytes(listener, client)).toBe(0);
    expect([client, listener, slow].map(({ connection }) => connection.hasEnded)).toEqual([false, false, false]);
    for (const answer of relay.questions) answer(undefined);
    expect(listener.offers()).toEqual([]);
  });
});

test('a peer that is cut while it is refused is refused no more', () => {
  const relay = new HesitantRelay({ rates: { refusals: { burst: 2, perSecond: 0.001 } } });
  const client = relay.peer();
  for (let count = 0; count < 6; count++) client.connect('n');
  relay.pass(DECISION_MS);
  expect(client.connection.endReason?.code).toBe('LIMIT_RATE');
  expect(relay.core.stats.refusals).toEqual({ ACCEPT_TIMEOUT: 3 });
  for (const answer of relay.questions) answer(undefined);
  expect(relay.core.stats.connects.requested).toBe(0);
});

describe('whoever asks and leaves, again and again', () => {
  test.each([
    ['RESET', encodeReset],
    ['DETACH', encodeDetach],
  ])('by %s, is refused until its questions are answered', (_what, encode) => {
    const relay = new HesitantRelay();
    const client = relay.peer();
    const leave = (count: number) => {
      for (let done = 0; done < count; done++) client.send(encode(client.connect('n'), CANCELED));
    };
    leave(256);
    expect([refusals(client), relay.questions.length]).toEqual([[], 256]);
    leave(3);
    expect([refusals(client), relay.questions.length]).toEqual([
      ['LIMIT_STREAMS', 'LIMIT_STREAMS', 'LIMIT_STREAMS'],
      256,
    ]);
    relay.questions.shift()?.(undefined);
    leave(2);
    expect([refusals(client), relay.questions.length]).toEqual([['LIMIT_STREAMS'], 256]);
    for (const answer of relay.questions.splice(0)) answer(FORBIDDEN);
    leave(256);
    expect([refusals(client), relay.questions.length]).toEqual([[], 256]);
  });

  test('and so is one whose deadlines have passed, since nobody knows whether those are ever answered', () => {
    const relay = new HesitantRelay({ limits: { maxPendingConnects: 256 } });
    const client = relay.peer();
    for (let count = 0; count < 256; count++) client.connect('n');
    relay.pass(DECISION_MS);
    expect(refusals(client)).toEqual(Array.from({ length: 256 }, () => 'ACCEPT_TIMEOUT'));
    client.connect('n');
    expect(refusals(client)).toEqual(['LIMIT_STREAMS']);
    relay.questions[0]?.(undefined);
    client.connect('n');
    expect([refusals(client), relay.questions.length]).toEqual([[], 257]);
  });
});

// ── by property ────────────────────────────────────────────────────────────────────────────────────────────────────

interface Undecided {
  peer: CorePeer;
  id: number;
  answer: Answer;
  sentBytes: number;
  hasEnded: boolean;
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('open' as const), peer: fc.nat(2), isHeld: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('data' as const), at: fc.nat(), length: fc.nat(3000) }) },
  fc.record({ kind: fc.constantFrom('end', 'reset', 'detach', 'yes', 'no', 'too much'), at: fc.nat() }),
  fc.record({ kind: fc.constant('lose' as const), peer: fc.nat(2) }),
  fc.record({ kind: fc.constant('deadline' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class World {
  readonly relay = new HesitantRelay();
  readonly listener = this.relay.peer();
  readonly peers = [this.relay.peer(), this.relay.peer(), this.relay.peer()];
  private undecided: Undecided[] = [];

  constructor() {
    this.listener.listen('held');
  }

  run(each: Step): void {
    if (each.kind === 'open') return this.open(this.peers[each.peer] as CorePeer, each.isHeld ? 'held' : 'free');
    if (each.kind === 'lose') {
      lose(this.peers[each.peer] as CorePeer);
      this.peers[each.peer] = this.relay.peer();
    } else if (each.kind === 'deadline') {
      this.relay.pass(DECISION_MS);
      this.undecided = [];
    } else if (this.undecided.length > 0) {
      const one = this.undecided[each.at % this.undecided.length] as Undecided;
      if (each.kind === 'data') this.data(one, each.length);
      else this.end(one, each.kind);
    }
    this.undecided = this.undecided.filter(({ peer }) => !peer.connection.hasEnded);
  }

  /** Payload of what is not decided on: that much at least is held. */
  get undecidedBytes(): number {
    return this.undecided.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  }

  heldBytes(): number {
    return this.relay.heldBytes(this.listener, ...this.peers);
  }

  private open(peer: CorePeer, name: string): void {
    const { questions } = this.relay;
    const before = questions.length;
    const id = peer.connect(name);
    const answer = questions[before];
    if (answer) this.undecided.push({ peer, id, answer, sentBytes: 0, hasEnded: false });
  }

  private data(one: Undecided, length: number): void {
    if (one.hasEnded || one.sentBytes + length > 16_384) return;
    one.peer.send(dataFrame(one.id, new Uint8Array(length)));
    one.sentBytes += length;
  }

  private end(one: Undecided, how: string): void {
    const { peer, id, answer, sentBytes } = one;
    if (how === 'end') {
      if (!one.hasEnded) peer.send(endFrame(id, sentBytes));
      one.hasEnded = true;
      return;
    }
    this.undecided = this.undecided.filter((other) => other !== one);
    if (how === 'reset') peer.send(encodeReset(id, CANCELED));
    else if (how === 'detach') peer.send(encodeDetach(id, CANCELED));
    else if (how === 'yes') this.admit(answer);
    else if (how === 'no') answer(FORBIDDEN);
    else peer.send(dataFrame(id, new Uint8Array(16_385)));
  }

  private admit(answer: Answer): void {
    answer(undefined);
    for (const offer of this.listener.offers()) this.listener.accept(offer);
  }
}

test('however streams come to an end, the relay’s memory is in the end what it was', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = new World();
      expect(world.heldBytes()).toBe(0);
      for (const each of steps) {
        world.run(each);
        expect(world.heldBytes()).toBeGreaterThanOrEqual(world.undecidedBytes);
      }
      world.relay.pass(DECISION_MS);
      expect(world.heldBytes()).toBe(0);
    }),
    { numRuns: 300, verbose: 1 },
  );
});
