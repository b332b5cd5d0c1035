import { beforeEach, describe, expect, test } from 'vitest';
import type { RelayOptions } from '../../relay/options.js';
import type { RelayCore } from '../../relay/relay-core.js';
import { encodeAccept, encodeClose, encodeDetach, encodeEndAck, encodeReset } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Offer } from '../../src/protocol/frames.js';
import { CorePeer, creditFrame, dataFrame, endFrame, makeRelay, nextId, publicId } from './core-peer.js';

const CANCELED = { code: 'CANCELED', reason: 'why' } as const;
const KEY = nextId();
const lost = () => new TrunklineError('CONNECTION_LOST');

let core: RelayCore;
let client: CorePeer;
let listener: CorePeer;
let id: number;
let far: number;

/** A splice, resumable or not. */
function start(isResumable = true, options: RelayOptions = {}): void {
  ({ core } = makeRelay(options));
  client = new CorePeer(core);
  listener = new CorePeer(core, {}, 0, 'secret');
  listener.listen('n');
  id = client.connect('n', isResumable ? { key: KEY } : {});
  far = accept(listener.offers()[0]!);
  client.told();
  listener.told();
}

function accept(offer: Offer): number {
  return listener.accept(offer, { key: offer.key });
}

function endBoth(): void {
  client.send(endFrame(id, 0));
  listener.send(endFrame(far, 0));
  listener.told();
  client.told();
  client.send(encodeEndAck(id));
  listener.send(encodeEndAck(far));
  listener.told();
  client.told();
}

/** Nothing of the splice is left: of the listener there is its name. */
function expectNothingLeft(): void {
  expect([core.stats.splices.active, client.connection.streamCount, listener.connection.streamCount]).toEqual([
    0, 0, 1,
  ]);
}

beforeEach(() => start());

describe('what the two ends learn of each other', () => {
  test('the offer has the key; the answer says where the stream is, if its listener can carry it on', () => {
    const second = client.connect('n', { key: KEY });
    const [offer] = listener.offers();
    expect(offer!.key).toBe(KEY);
    accept(offer!);
    expect(client.frames()).toMatchObject([{ type: 'ACCEPT', id: second, accept: { endpoint: publicId('secret') } }]);
  });

  test.each([
    ['the client gave no key', undefined, KEY, 'secret', {}],
    ['the listener did not repeat it', KEY, undefined, 'secret', {}],
    ['the listener repeated another', KEY, nextId(), 'secret', {}],
    ['the listener has not said who it is', KEY, KEY, undefined, {}],
    ['the relay resumes nothing', KEY, KEY, 'secret', { resumeWindowMs: 0 }],
  ])('and nothing of it when %s', (_, given, repeated, endpoint, options) => {
    ({ core } = makeRelay(options));
    client = new CorePeer(core);
    listener = new CorePeer(core, {}, 0, endpoint);
    listener.listen('n');
    const stream = client.connect('n', { key: given });
    listener.accept(listener.offers()[0]!, { key: repeated });
    const [answer] = client.frames();
    expect(answer).toMatchObject({ type: 'ACCEPT', id: stream });
    expect(answer).not.toHaveProperty('accept.endpoint');
    listener.connection.lost(lost());
    expect(client.told()).toEqual([`RESET ${stream} LISTENER_GONE`]);
  });

  test('WELCOME says for how long', () => {
    ({ core } = makeRelay({ resumeWindowMs: 77 }));
    expect(new CorePeer(core).hello).toMatchObject([{ type: 'WELCOME', welcome: { resumeWindowMs: 77 } }]);
  });
});

describe('CLOSE', () => {
  test.each([true, false])('of both sides, passed on, is the end (resumable: %s)', (isResumable) => {
    start(isResumable);
    endBoth();
    expect([client.connection.streamCount, core.stats.splices.active]).toEqual([1, 1]);
    listener.send(encodeClose(far));
    expect([client.told(), listener.told()]).toEqual([[`CLOSE ${id}`], []]);
    expect(core.stats.splices.active).toBe(1);
    client.send(encodeClose(id));
    expect([client.told(), listener.told()]).toEqual([[], [`CLOSE ${far}`]]);
    expectNothingLeft();
    expect(core.stats.splices.detached).toBe(0);
  });

  test.each(['nothing', 'one END_ACK'])('after %s is a breach', (before) => {
    if (before !== 'nothing') {
      client.send(endFrame(id, 0));
      listener.told();
      listener.send(encodeEndAck(far));
      client.told();
    }
    listener.send(encodeClose(far));
    expect(listener.told().at(-1)).toBe('GOAWAY PROTOCOL');
    expect(client.told()).toEqual([`RESET ${id} LISTENER_GONE`]);
  });

  test('answers RESET, from either side', () => {
    client.send(encodeReset(id, CANCELED));
    expect(listener.told()).toEqual([`RESET ${far} CANCELED`]);
    listener.send(encodeClose(far));
    expect(client.told()).toEqual([`CLOSE ${id}`]);
    expectNothingLeft();
  });

  test('that crosses a RESET ends it for both', () => {
    endBoth();
    listener.send(encodeClose(far));
    client.send(encodeReset(id, CANCELED));
    expect([client.told(), listener.told()]).toEqual([[`CLOSE ${id}`], [`RESET ${far} CANCELED`]]);
    expectNothingLeft();
    // What each then answers is for an id that is closed.
    client.send(encodeClose(id));
    listener.send(encodeClose(far));
    expect([client.connection.isOpen, listener.connection.isOpen]).toEqual([true, true]);
  });
});

describe('RESET', () => {
  test('crossing another reaches both sides, and needs no more', () => {
    client.send(encodeReset(id, CANCELED));
    listener.send(encodeReset(far, CANCELED));
    expect([client.told(), listener.told()]).toEqual([[`RESET ${id} CANCELED`], [`RESET ${far} CANCELED`]]);
    expectNothingLeft();
  });

  test('discards what is queued, and then nothing is heard but what ends it', () => {
    client.send(dataFrame(id, new Uint8Array(1000)), endFrame(id, 1000));
    client.send(encodeReset(id, CANCELED));
    expect(listener.told()).toEqual([`RESET ${far} CANCELED`]);
    client.send(dataFrame(id, new Uint8Array(60_000)), endFrame(id, 5), encodeEndAck(id));
    listener.send(dataFrame(far, new Uint8Array(60_000)), creditFrame(far, 9_999, 9_999), encodeEndAck(far));
    listener.send(encodeAccept(far, { credit: 0, meta: null }));
    client.send(encodeReset(id, CANCELED));
    expect([client.told(), listener.told()]).toEqual([[], []]);
    expect([client.connection.isOpen, listener.connection.isOpen]).toEqual([true, true]);
    listener.send(encodeClose(far));
    expectNothingLeft();
  });
});

describe('DETACH', () => {
  test.each(['client', 'listener'])('of the %s is passed on as it came, and both ids are free', (side) => {
    const payload = { code: 'GOING_AWAY', reason: 'moving' } as const;
    const [from, to] = side === 'client' ? [client, listener] : [listener, client];
    from.send(encodeDetach(side === 'client' ? id : far, payload));
    expect(to.frames()).toMatchObject([{ type: 'DETACH', id: side === 'client' ? far : id, error: payload }]);
    expect(from.told()).toEqual([]);
    expectNothingLeft();
    expect(core.stats.splices).toEqual({ opened: 1, closed: 1, active: 0, detached: 1 });
  });

  test.each(['RESET', 'CLOSE'])('after %s that was not answered gives up waiting', (last) => {
    if (last === 'CLOSE') endBoth();
    listener.send(last === 'CLOSE' ? encodeClose(far) : encodeReset(far, CANCELED));
    client.told();
    listener.send(encodeDetach(far, { code: 'CONNECTION_LOST', reason: '' }));
    expect(client.told()).toEqual([`DETACH ${id} CONNECTION_LOST`]);
    expectNothingLeft();
  });
});

describe('a connection that is lost', () => {
  test.each(['client', 'listener'])('of the %s leaves the other one detached', (side) => {
    const [from, to] = side === 'client' ? [client, listener] : [listener, client];
    from.connection.lost(lost());
    expect(to.frames()).toMatchObject([
      {
        type: 'DETACH',
        id: side === 'client' ? far : id,
        error: { code: 'CONNECTION_LOST', reason: "the other endpoint's connection was lost" },
      },
    ]);
    expect(core.stats.splices).toEqual({ opened: 1, closed: 1, active: 0, detached: 1 });
  });

  test.each(['CONNECTION_LOST', 'GOING_AWAY', 'HANDSHAKE_TIMEOUT', 'LIMIT_RATE'] as const)('%s is lost', (code) => {
    client.connection.lost(new TrunklineError(code));
    expect(listener.told()).toEqual([`DETACH ${far} CONNECTION_LOST`]);
  });

  test.each([
    ['TUNNEL_CLOSED', 'TUNNEL_CLOSED'],
    ['PROTOCOL', 'CONNECTION_LOST'],
    ['FLOW_CONTROL', 'CONNECTION_LOST'],
    ['INTERNAL', 'CONNECTION_LOST'],
  ] as const)('%s is gone', (code, shown) => {
    client.connection.lost(new TrunklineError(code));
    expect(listener.told()).toEqual([`RESET ${far} ${shown}`]);
    start();
    listener.connection.lost(new TrunklineError(code));
    expect(client.told()).toEqual([`RESET ${id} LISTENER_GONE`]);
  });

  test('of a stream that cannot be carried on is the end of it', () => {
    start(false);
    client.connection.lost(lost());
    expect(listener.told()).toEqual([`RESET ${far} CONNECTION_LOST`]);
    start(false);
    listener.connection.lost(lost());
    expect(client.told()).toEqual([`RESET ${id} LISTENER_GONE`]);
  });

  test('after its own last word: nothing is owed to it any more', () => {
    client.send(encodeReset(id, CANCELED));
    listener.told();
    client.connection.lost(lost());
    expect([listener.told(), listener.connection.streamCount]).toEqual([[], 1]);
    listener.send(encodeClose(far));
    expect(listener.connection.isOpen).toBe(true);
  });

  test.each([
    [true, 'DETACH'],
    [false, 'CLOSE'],
  ])('before it answered the last word of the other (resumable: %s): that gets %s', (isResumable, answer) => {
    start(isResumable);
    client.send(encodeReset(id, CANCELED));
    listener.connection.lost(lost());
    expect(client.told()).toEqual([answer === 'CLOSE' ? `CLOSE ${id}` : `DETACH ${id} CONNECTION_LOST`]);
    expect([client.connection.streamCount, core.stats.splices.active]).toEqual([0, 0]);
  });

  test('when all was delivered: who can come back for the last END_ACK may, and no other end is made a failure', () => {
    endBoth();
    client.connection.lost(lost());
    expect(listener.told()).toEqual([`DETACH ${far} CONNECTION_LOST`]);
    start();
    endBoth();
    client.connection.lost(new TrunklineError('TUNNEL_CLOSED'));
    expect([listener.told(), listener.connection.streamCount]).toEqual([[`CLOSE ${far}`], 1]);
  });
});
