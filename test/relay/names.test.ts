import { beforeEach, describe, expect, test } from 'vitest';
import type { RelayOptions } from '../../relay/options.js';
import type { RelayCore } from '../../relay/relay-core.js';
import { encodeClose, encodeDetach, encodeReset } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { CorePeer, dataFrame, endFrame, makeRelay } from './core-peer.js';

const WINDOW_MS = 1000;
const OWNER = { owner: 'mine' };
const lost = () => new TrunklineError('CONNECTION_LOST');

let core: RelayCore;
let told: string[];
let clock: { now: number };
let client: CorePeer;

function start(options: RelayOptions = {}): void {
  ({ core, told, clock } = makeRelay({ resumeWindowMs: WINDOW_MS, ...options }));
  client = new CorePeer(core);
}

beforeEach(() => start());

const newPeer = (endpoint?: string): CorePeer => new CorePeer(core, {}, clock.now, endpoint);

/** What the relay answered to `listen`. */
function claimOf(peer: CorePeer): number | undefined {
  return peer.frames().flatMap((frame) => (frame.type === 'ACCEPT' ? [frame.accept.claim] : []))[0];
}

describe('a listener that is lost', () => {
  let listener: CorePeer;
  let stream: number;
  let claim: number;
  beforeEach(() => {
    listener = newPeer('a');
    stream = listener.listen('n', OWNER);
    claim = claimOf(listener)!;
  });

  test('has its name reserved, whether the connection went or the stream was detached', () => {
    expect(claim).toBe(1000);
    listener.connection.lost(lost());
    expect([core.names, core.stats.names.reserved, told]).toEqual([['n'], 1, ['created n']]);
    const again = newPeer('a');
    const second = again.listen('n', { ...OWNER, claim });
    expect([claimOf(again), core.stats.names.reserved]).toEqual([claim, 0]);
    again.send(encodeDetach(second, { code: 'CONNECTION_LOST', reason: '' }));
    expect([core.names, core.stats.names.reserved]).toEqual([['n'], 1]);
    newPeer('a').listen('n', { ...OWNER, claim });
    expect([core.stats.names.reserved, told]).toEqual([0, ['created n']]);
  });

  test('loses the name after the window, counted from the loss', () => {
    clock.now = 500;
    listener.connection.lost(lost());
    expect(core.nextDeadline()).toBe(500 + WINDOW_MS);
    core.advance(499 + WINDOW_MS);
    expect(told).toEqual(['created n']);
    core.advance(500 + WINDOW_MS);
    expect([core.names, told, core.stats.names]).toEqual([
      [],
      ['created n', 'destroyed n'],
      { created: 1, destroyed: 1, active: 0, reserved: 0 },
    ]);
    newPeer().listen('n');
    expect(told).toEqual(['created n', 'destroyed n', 'created n']);
  });

  test.each([
    ['without an owner', () => listener.listen('other'), 'other', lost()],
    ['whose endpoint left on purpose', () => 0, 'n', new TrunklineError('TUNNEL_CLOSED')],
    ['that broke the protocol', () => 0, 'n', new TrunklineError('PROTOCOL')],
  ])('%s frees the name at once', (_, prepare, name, error) => {
    prepare();
    listener.connection.lost(error);
    expect(told).toContain(`destroyed ${name}`);
    expect(core.names).not.toContain(name);
  });

  test.each(['END', 'RESET'])('that gives the name back by %s frees it at once', (how) => {
    listener.send(how === 'END' ? endFrame(stream, 0) : encodeReset(stream, { code: 'CANCELED', reason: '' }));
    expect([core.names, told]).toEqual([[], ['created n', 'destroyed n']]);
  });

  test('at a relay without resume frees the name at once', () => {
    start({ resumeWindowMs: 0 });
    const other = newPeer('a');
    other.listen('n', OWNER);
    other.connection.lost(lost());
    expect(told).toEqual(['created n', 'destroyed n']);
  });

  test('tells others for how long its name is kept', () => {
    listener.connection.lost(lost());
    clock.now = 400;
    const other = newPeer();
    other.listen('n');
    expect(other.frames()).toContainEqual(
      expect.objectContaining({
        error: expect.objectContaining({ code: 'NAME_TAKEN', retryAfterMs: WINDOW_MS - 400 }),
      }),
    );
  });

  test('keeps its name from others while it is away', () => {
    listener.connection.lost(lost());
    const stranger = newPeer('b');
    const [other, none] = [stranger.listen('n', { owner: 'theirs' }), stranger.listen('n')];
    expect(stranger.told()).toEqual([`RESET ${other} NAME_TAKEN`, `RESET ${none} NAME_TAKEN`]);
  });

  test('frees the name when the relay closes, after its own end', () => {
    const other = newPeer('b');
    other.listen('m', OWNER);
    listener.connection.lost(lost());
    core.close(new TrunklineError('GOING_AWAY'));
    expect(told).toEqual(['created n', 'created m', 'destroyed n', 'destroyed m']);
    expect(core.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  test('connects that were offered to it, and those that come meanwhile, are offered to it again', () => {
    const offered = client.connect('n', {}, 0);
    const [first] = listener.offers();
    client.send(dataFrame(offered, new Uint8Array(5)));
    listener.connection.lost(lost());
    const waiting = client.connect('n');
    expect(client.told()).toEqual([]);
    const again = newPeer('a');
    again.listen('n', { ...OWNER, claim });
    const offers = again.offers();
    expect(offers).toHaveLength(2);
    expect(offers[0]!.uid).toBe(first!.uid);
    expect(offers[0]!.id).not.toBe(first!.id);
    const [far] = offers.map((offer) => again.accept(offer));
    expect(again.told()).toContain(`DATA ${far} 5`);
    expect(client.told()).toEqual([`ACCEPT ${offered} 1000000`, `ACCEPT ${waiting} 1000000`]);
    expect(core.stats.connects).toMatchObject({ requested: 2, matched: 2, pending: 0 });
  });

  test('connects wait as long as the reservation, or as they wanted', () => {
    const offered = client.connect('n');
    listener.connection.lost(lost());
    const patient = client.connect('n', {}, 5 * WINDOW_MS);
    core.advance(WINDOW_MS - 1);
    expect(client.told()).toEqual([]);
    core.advance(WINDOW_MS);
    expect(client.told()).toEqual([`RESET ${offered} NO_LISTENER`]);
    core.advance(5 * WINDOW_MS);
    expect(client.told()).toEqual([`RESET ${patient} NO_LISTENER`]);
    expect(core.stats.connects).toMatchObject({ expired: 2, pending: 0 });
  });

  test('its names count for a tunnel that is here, and for no other', () => {
    start({ limits: { maxNames: 1 } });
    const first = newPeer('a');
    first.listen('n', OWNER);
    const kept = claimOf(first)!;
    first.connection.lost(lost());
    const full = newPeer('b');
    full.listen('m');
    full.told();
    const id = full.listen('n', OWNER);
    expect(full.told()).toEqual([`RESET ${id} LIMIT_NAMES`]);
    const again = newPeer('a');
    const mine = again.listen('n', { ...OWNER, claim: kept });
    expect(again.told()).toEqual([`ACCEPT ${mine} 262144`]);
  });
});

test('past the limit of reserved names the next one that is lost is free at once', () => {
  start({ limits: { maxReservedNames: 1 } });
  const listener = newPeer('a');
  listener.listen('first', OWNER);
  listener.listen('second', OWNER);
  listener.connection.lost(lost());
  expect([core.names, told]).toEqual([['first'], ['created first', 'created second', 'destroyed second']]);
});

test('a name that is detached counts no more for its tunnel, and its deadline is told', () => {
  start({ limits: { maxNames: 1 } });
  let moves = 0;
  core.onDeadline = () => moves++;
  const peer = newPeer('a');
  const stream = peer.listen('n', OWNER);
  peer.told();
  moves = 0;
  peer.send(encodeDetach(stream, { code: 'CONNECTION_LOST', reason: '' }));
  expect(moves).toBe(1);
  const other = peer.listen('m');
  expect(peer.told()).toEqual([`ACCEPT ${other} 262144`]);
});

describe('the same owner', () => {
  let holder: CorePeer;
  let stream: number;
  let claim: number;
  beforeEach(() => {
    holder = newPeer('a');
    stream = holder.listen('n', OWNER);
    claim = claimOf(holder)!;
  });

  test('as a new listener takes over at once; the old one is told, and its streams go on', () => {
    const id = client.connect('n');
    const [offer] = holder.offers();
    const far = holder.accept(offer!);
    client.connect('n');
    const [open] = holder.offers();
    client.told();

    const newer = newPeer('b');
    newer.listen('n', OWNER);
    expect(holder.told()).toEqual([`RESET ${stream} SUPERSEDED`]);
    const frames = newer.frames();
    expect(frames).toMatchObject([
      { type: 'ACCEPT', accept: { claim: claim + 1 } },
      { type: 'OFFER', offer: { uid: open!.uid } },
    ]);
    // The answer of the loser comes too late.
    const late = holder.accept(open!);
    expect(holder.told()).toEqual([`RESET ${late} CANCELED`]);
    client.send(dataFrame(id, new Uint8Array(3)));
    expect(holder.told()).toEqual([`DATA ${far} 3`]);
    holder.send(encodeClose(stream));
    holder.connection.lost(lost());
    expect([core.names, told, core.stats.names.reserved]).toEqual([['n'], ['created n'], 0]);
    client.connect('n');
    expect(newer.offers()).toHaveLength(1);
  });

  test('on the same tunnel takes over as well, however many names it may have', () => {
    start({ limits: { maxNames: 1 } });
    const peer = newPeer('a');
    const first = peer.listen('n', OWNER);
    peer.told();
    const second = peer.listen('n', OWNER);
    expect(peer.told().sort()).toEqual([`ACCEPT ${second} 262144`, `RESET ${first} SUPERSEDED`]);
    peer.send(endFrame(second, 0));
    expect(told).toEqual(['created n', 'destroyed n']);
    peer.told();
    const other = peer.listen('m');
    expect(peer.told()).toEqual([`ACCEPT ${other} 262144`]);
  });

  test.each([
    ['a lower claim', 'b', -1],
    ['a lower claim of the same endpoint', 'a2', -1],
    ['the same claim of another endpoint', 'b', 0],
  ])('with %s is told SUPERSEDED, and the holder is not disturbed', (_, endpoint, difference) => {
    const late = newPeer(endpoint);
    const id = late.listen('n', { ...OWNER, claim: claim + difference });
    expect(late.told()).toEqual([`RESET ${id} SUPERSEDED`]);
    expect([holder.told(), told]).toEqual([[], ['created n']]);
    client.connect('n');
    expect(holder.offers()).toHaveLength(1);
  });

  test('with a higher claim takes over from another endpoint', () => {
    const newer = newPeer('b');
    newer.listen('n', { ...OWNER, claim: claim + 5 });
    expect(claimOf(newer)).toBe(claim + 5);
    expect([holder.told(), told]).toEqual([[`RESET ${stream} SUPERSEDED`], ['created n']]);
  });

  test('that comes back on the tunnel it is on leaves its older stream, and is not superseded', () => {
    const again = holder.listen('n', { ...OWNER, claim });
    expect(holder.told()).toEqual([`ACCEPT ${again} 262144`, `DETACH ${stream} CONNECTION_LOST`]);
    expect([told, core.stats.names]).toEqual([['created n'], { created: 1, destroyed: 0, active: 1, reserved: 0 }]);
    client.connect('n');
    expect(holder.told()).toEqual([`OFFER ${again}`]);
  });

  test('that comes back while its older connection seems alive has its name without a gap', () => {
    const again = newPeer('a');
    expect(holder.told()).toEqual(['GOAWAY CONNECTION_LOST']);
    again.listen('n', { ...OWNER, claim });
    expect([claimOf(again), told, core.names]).toEqual([claim, ['created n'], ['n']]);
  });

  test('a claim made while the name was reserved counts as one made while it was held', () => {
    holder.connection.lost(lost());
    const newer = newPeer('b');
    newer.listen('n', OWNER);
    expect(claimOf(newer)).toBe(claim + 1);
    const old = newPeer('a');
    const id = old.listen('n', { ...OWNER, claim });
    expect(old.told()).toEqual([`RESET ${id} SUPERSEDED`]);
  });

  test('after a restart of the relay the higher claim wins, whoever is first', () => {
    for (const order of [
      [7, 8],
      [8, 7],
    ]) {
      start();
      const peers = order.map((each) => {
        const peer = newPeer(`endpoint ${each}`);
        peer.listen('n', { ...OWNER, claim: each });
        return { each, peer };
      });
      for (const { each, peer } of peers) {
        const isSuperseded = peer.told().some((text) => text.endsWith('SUPERSEDED'));
        expect(isSuperseded, `claim ${each} of ${order}`).toBe(each === 7);
      }
      expect([core.names, told]).toEqual([['n'], ['created n']]);
    }
  });

  test('a claim above the time of day is still topped by a new listener', () => {
    const far = newPeer('b');
    far.listen('n', { ...OWNER, claim: 1_000_000 });
    const newer = newPeer('c');
    newer.listen('n', OWNER);
    expect(claimOf(newer)).toBe(1_000_001);
  });
});

test('whatever happens to a name, its events alternate', () => {
  const peers = ['a', 'b', 'c'].map((endpoint) => ({ endpoint, peer: newPeer(endpoint), claim: 0, id: 0 }));
  let random = 1;
  const next = (below: number): number => {
    random = (random * 1103515245 + 12345) % 2147483648;
    return Math.floor((random / 2147483648) * below);
  };
  for (let step = 0; step < 2000; step++) {
    const each = peers[next(3)]!;
    const action = next(6);
    if (action === 0) each.peer.connection.lost(lost());
    if (action === 1 && each.id > 0) each.peer.send(endFrame(each.id, 0));
    if (action === 2 && each.id > 0) each.peer.send(encodeDetach(each.id, { code: 'CANCELED', reason: '' }));
    if (action === 3) {
      clock.now += next(WINDOW_MS);
      core.advance(clock.now);
    }
    if (each.peer.connection.hasEnded) Object.assign(each, { peer: newPeer(each.endpoint), id: 0 });
    if (action >= 4) {
      each.id = each.peer.listen('n', { ...OWNER, claim: action === 4 ? 0 : each.claim });
      each.claim = claimOf(each.peer) ?? each.claim;
    }
    each.peer.frames();
  }
  expect(told.length).toBeGreaterThan(50);
  expect(told.every((text, index) => text === (index % 2 === 0 ? 'created n' : 'destroyed n'))).toBe(true);
  const { created, destroyed, active } = core.stats.names;
  expect([created - destroyed, active]).toEqual([core.names.length, core.names.length]);
});
