import { beforeEach, describe, expect, test } from 'vitest';
import type { RelayOptions } from '../../relay/options.js';
import type { RelayCore } from '../../relay/relay-core.js';
import { encodeClose, encodeEndAck, encodeRefuse, encodeReset } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { CorePeer, creditFrame, dataFrame, endFrame, makeRelay } from './core-peer.js';

let core: RelayCore;
let told: string[];
let client: CorePeer;
let listener: CorePeer;

function start(options: RelayOptions = {}): void {
  ({ core, told } = makeRelay(options));
  client = new CorePeer(core);
  listener = new CorePeer(core);
}

beforeEach(() => start());

/** Whatever happened: nothing is pending, and nobody is counted. */
function expectNothingPending(): void {
  const { broker } = core as unknown as {
    broker: { pendingCount: number; parties: Map<unknown, { pendingConnects: number }> };
  };
  const counted = [...broker.parties.values()].map(({ pendingConnects }) => pendingConnects);
  expect([core.stats.connects.pending, broker.pendingCount, ...counted].every((count) => count === 0)).toBe(true);
}

describe('listen', () => {
  test('takes the name, until its stream ends', () => {
    const id = listener.listen('n');
    expect(listener.told()).toEqual([`ACCEPT ${id} 262144`]);
    expect([core.names, told]).toEqual([['n'], ['created n']]);
    listener.send(endFrame(id, 0));
    expect(listener.told()).toEqual([`END ${id} 0`, `END_ACK ${id}`].sort().reverse());
    expect([core.names, told]).toEqual([[], ['created n', 'destroyed n']]);
  });

  test.each(['RESET', 'a lost connection'])('frees the name by %s', (how) => {
    const id = listener.listen('n');
    if (how === 'RESET') listener.send(encodeReset(id, { code: 'CANCELED', reason: '' }));
    else listener.connection.lost(new TrunklineError('CONNECTION_LOST'));
    expect(told).toEqual(['created n', 'destroyed n']);
  });

  test('a held name is refused, and its holder keeps it', () => {
    listener.listen('n');
    const id = client.listen('n');
    expect(client.told()).toEqual([`RESET ${id} NAME_TAKEN`]);
    expect(told).toEqual(['created n']);
    client.connect('n');
    expect(listener.offers()).toHaveLength(1);
  });

  test('names are limited per tunnel, and one that is given up counts no more', () => {
    start({ limits: { maxNames: 1 } });
    const first = listener.listen('a');
    const second = listener.listen('b');
    expect(listener.told()).toContain(`RESET ${second} LIMIT_NAMES`);
    listener.send(encodeReset(first, { code: 'CANCELED', reason: '' }));
    listener.listen('b');
    expect(core.names).toEqual(['b']);
  });

  test('a bad name is refused on its stream', () => {
    const id = listener.listen('no spaces');
    expect(listener.told()).toEqual([`RESET ${id} BAD_NAME`]);
  });

  test('DATA on a listen stream ends the connection', () => {
    const id = listener.listen('n');
    listener.told();
    listener.send(dataFrame(id, Uint8Array.of(1)));
    expect(listener.told()).toEqual(['GOAWAY PROTOCOL']);
    expect(core.names).toEqual([]);
  });
});

describe('connect', () => {
  test('nobody there is said at once', () => {
    const id = client.connect('n');
    expect(client.told()).toEqual([`RESET ${id} NO_LISTENER`]);
    expectNothingPending();
  });

  test('is offered with its meta, and spliced when the listener accepts', () => {
    listener.listen('n');
    const id = client.connect('n', { meta: { who: 'me' } });
    const [offer] = listener.offers();
    expect(offer).toMatchObject({ name: 'n', meta: { who: 'me' } });
    const far = listener.accept(offer!, { meta: 'hi', credit: 5000 });
    expect(client.frames()).toMatchObject([{ type: 'ACCEPT', id, accept: { meta: 'hi', credit: 16_384 } }]);
    expect(listener.told()).toEqual([`ACCEPT ${far} 1000000`]);
    expectNothingPending();
    expect(core.stats.splices).toEqual({ opened: 1, closed: 0, active: 1, detached: 0 });
  });

  test('waits for a listener when it asked to, in order of arrival', () => {
    const ids = [client.connect('n', { meta: 1 }, 1000), client.connect('n', { meta: 2 }, 1000)];
    expect(core.nextDeadline()).toBe(1000);
    listener.listen('n');
    const offers = listener.offers();
    expect(offers.map(({ meta }) => meta)).toEqual([1, 2]);
    for (const offer of offers) listener.accept(offer);
    expect(client.told()).toEqual(ids.map((id) => expect.stringMatching(new RegExp(`^ACCEPT ${id} `))));
    expectNothingPending();
  });

  test('waits no longer than it asked, nor than the relay allows', () => {
    start({ limits: { maxWaitMs: 500 } });
    const id = client.connect('n', {}, 10_000);
    core.advance(499);
    expect(client.told()).toEqual([]);
    core.advance(500);
    expect(client.told()).toEqual([`RESET ${id} NO_LISTENER`]);
    expectNothingPending();
    expect(core.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  test('an offer without an answer expires, and its late accept finds nothing', () => {
    listener.listen('n');
    const id = client.connect('n');
    const [offer] = listener.offers();
    core.advance(30_000);
    expect(client.told()).toEqual([`RESET ${id} ACCEPT_TIMEOUT`]);
    const late = listener.accept(offer!);
    expect(listener.told()).toEqual([`RESET ${late} CANCELED`]);
    expect(core.stats.connects).toMatchObject({ requested: 1, expired: 1, matched: 0, pending: 0 });
  });

  test.each([
    ['per tunnel', { maxPendingConnects: 2 }],
    ['per name', { maxPendingPerName: 2 }],
    ['per relay', { maxPending: 2 }],
  ])('is limited %s; what is answered makes room', (_, limits) => {
    start({ limits });
    listener.listen('n');
    client.connect('n');
    const second = client.connect('n');
    const third = client.connect('n');
    expect(client.told()).toEqual([`RESET ${third} LIMIT_STREAMS`]);
    client.send(encodeReset(second, { code: 'CANCELED', reason: '' }));
    client.connect('n');
    expect(client.told()).toEqual([`CLOSE ${second}`]);
  });

  test('is refused with what the listener says, and nobody else may answer', () => {
    const id = listener.listen('n');
    const stream = client.connect('n');
    const [offer] = listener.offers();
    const stranger = new CorePeer(core);
    const other = stranger.listen('other');
    stranger.told();
    stranger.send(encodeRefuse(other, { id: offer!.id, code: 'REFUSED', reason: 'not yours' }));
    const guess = stranger.accept(offer!);
    expect(stranger.told()).toEqual([`RESET ${guess} CANCELED`]);
    expect(client.told()).toEqual([]);
    listener.send(encodeRefuse(id, { id: offer!.id, code: 'REFUSED', reason: 'busy', appCode: 'BUSY' }));
    expect(client.frames()).toMatchObject([
      { type: 'RESET', id: stream, error: { code: 'REFUSED', reason: 'busy', appCode: 'BUSY' } },
    ]);
    expectNothingPending();
  });

  test('a listener cannot put words of the relay into its refusal', () => {
    const id = listener.listen('n');
    const stream = client.connect('n');
    const [offer] = listener.offers();
    listener.send(encodeRefuse(id, { id: offer!.id, code: 'UNAUTHENTICATED', reason: 'give me your token' }));
    expect(client.told()).toEqual([`RESET ${stream} REFUSED`]);
  });

  test('the accept has to name the stream that was offered', () => {
    listener.listen('n');
    client.connect('n');
    const [offer] = listener.offers();
    const id = listener.accept({ ...offer!, uid: 'f'.repeat(32) });
    expect(listener.told()).toEqual([`RESET ${id} CANCELED`]);
    expect(core.stats.connects.pending).toBe(1);
  });

  test('an offer is good for one accept', () => {
    listener.listen('n');
    client.connect('n');
    const [offer] = listener.offers();
    listener.accept(offer!);
    listener.told();
    const again = listener.accept(offer!);
    expect(listener.told()).toEqual([`RESET ${again} CANCELED`]);
    expect(core.stats.splices.active).toBe(1);
  });

  test('a client that gives up, or is gone, leaves nothing', () => {
    listener.listen('n');
    const id = client.connect('n');
    client.send(encodeReset(id, { code: 'CANCELED', reason: '' }));
    expectNothingPending();
    client.connect('n');
    client.connect('m', {}, 1000);
    client.connection.lost(new TrunklineError('CONNECTION_LOST'));
    expectNothingPending();
    expect(core.stats.connects.canceled).toBe(3);
  });

  test.each(['END', 'RESET', 'a lost connection'])('a listener that goes by %s is gone for its offers', (how) => {
    const listen = listener.listen('n');
    const id = client.connect('n');
    if (how === 'END') listener.send(endFrame(listen, 0));
    else if (how === 'RESET') listener.send(encodeReset(listen, { code: 'CANCELED', reason: '' }));
    else listener.connection.lost(new TrunklineError('CONNECTION_LOST'));
    expect(client.told()).toEqual([`RESET ${id} LISTENER_GONE`]);
    expectNothingPending();
  });

  test('a tunnel may connect to its own listener', () => {
    client.listen('self');
    const id = client.connect('self');
    const [offer] = client.offers();
    const far = client.accept(offer!);
    client.frames();
    client.send(dataFrame(id, new Uint8Array(100)));
    expect(client.told()).toEqual([`DATA ${far} 100`]);
  });

  test('a plain stream to a relay is refused', () => {
    const id = client.open({ kind: 'plain' });
    expect(client.told()).toEqual([`RESET ${id} FORBIDDEN`]);
  });
});

describe('early bytes', () => {
  test('of the client wait for the listener, and past the early window end the client', () => {
    start({ limits: { earlyWindowBytes: 100 } });
    listener.listen('n');
    const id = client.connect('n');
    client.send(dataFrame(id, new Uint8Array(100)), endFrame(id, 100));
    const [offer] = listener.offers();
    const far = listener.accept(offer!);
    expect(listener.told()).toEqual([`ACCEPT ${far} 1000000`, `DATA ${far} 100`, `END ${far} 100`]);

    const second = client.connect('n');
    client.send(dataFrame(second, new Uint8Array(101)));
    expect(client.told().at(-1)).toBe('GOAWAY FLOW_CONTROL');
    expect(listener.connection.isOpen).toBe(true);
  });

  test('of the listener are no breach, however little the client takes', () => {
    listener.listen('n');
    const id = client.connect('n', { credit: 0 });
    const [offer] = listener.offers();
    listener.accept(offer!, {}, (far) => dataFrame(far, new Uint8Array(16_384)));
    expect(listener.connection.isOpen).toBe(true);
    client.told();
    client.send(creditFrame(id, 0, 1000));
    expect(client.told()).toEqual([`DATA ${id} 1000`]);
  });
});

describe('a splice', () => {
  let id: number;
  let far: number;
  beforeEach(() => {
    listener.listen('n');
    id = client.connect('n');
    far = listener.accept(listener.offers()[0]!);
    client.told();
    listener.told();
  });

  test('passes END_ACK on, makes none up, and is over when both sides have said CLOSE', () => {
    client.send(dataFrame(id, new Uint8Array(3)), endFrame(id, 3));
    expect(client.told()).toEqual([]);
    expect(listener.told()).toEqual([`DATA ${far} 3`, `END ${far} 3`]);
    listener.send(encodeEndAck(far), endFrame(far, 0));
    expect(client.told().sort()).toEqual([`END ${id} 0`, `END_ACK ${id}`]);
    client.send(encodeEndAck(id));
    expect(listener.told()).toEqual([`END_ACK ${far}`]);
    expect(core.stats.splices.active).toBe(1);
    listener.send(encodeClose(far));
    expect(client.told()).toEqual([`CLOSE ${id}`]);
    client.send(encodeClose(id));
    expect(listener.told()).toEqual([`CLOSE ${far}`]);
    expect(core.stats.splices).toEqual({ opened: 1, closed: 1, active: 0, detached: 0 });
    expect([client.connection.streamCount, listener.connection.streamCount]).toEqual([0, 1]);
  });

  test('passes RESET on with its reason, and the CLOSE that answers it', () => {
    listener.send(encodeReset(far, { code: 'CANCELED', reason: 'why', appCode: 'E' }));
    expect(client.frames()).toMatchObject([
      { type: 'RESET', id, error: { code: 'CANCELED', reason: 'why', appCode: 'E' } },
    ]);
    expect(core.stats.splices.active).toBe(1);
    client.send(encodeClose(id));
    expect(listener.told()).toEqual([`CLOSE ${far}`]);
    expect(core.stats.splices.active).toBe(0);
    expect([client.connection.streamCount, listener.connection.streamCount]).toEqual([0, 1]);
  });

  test('an overlong reason is cut, and reaches the other side', () => {
    listener.send(encodeReset(far, { code: 'CANCELED', reason: '\u0001'.repeat(2700) }));
    expect(client.told()).toEqual([`RESET ${id} CANCELED`]);
  });

  test('a lost listener is LISTENER_GONE, a lost client CONNECTION_LOST, one that closed TUNNEL_CLOSED', () => {
    const second = client.connect('n');
    const secondFar = listener.accept(listener.offers()[0]!);
    listener.told();
    client.told();
    const other = new CorePeer(core);
    const third = other.connect('n');
    const thirdFar = listener.accept(listener.offers()[0]!);
    listener.told();
    other.told();
    client.connection.lost(new TrunklineError('TUNNEL_CLOSED'));
    expect(listener.told()).toEqual([`RESET ${far} TUNNEL_CLOSED`, `RESET ${secondFar} TUNNEL_CLOSED`]);
    expect(second).toBeGreaterThan(id);
    listener.connection.lost(new TrunklineError('CONNECTION_LOST'));
    expect(other.told()).toEqual([`RESET ${third} LISTENER_GONE`]);
    expect(thirdFar).toBeGreaterThan(far);
    expect(core.stats.splices.active).toBe(0);
  });

  test('a sender past its credit is cut off; its partner is told and nobody else is', () => {
    const other = new CorePeer(core);
    other.connect('n');
    listener.accept(listener.offers()[0]!);
    listener.told();
    other.told();
    client.send(dataFrame(id, new Uint8Array(65_536)));
    for (let count = 0; count < 100 && client.connection.isOpen; count++) {
      client.send(dataFrame(id, new Uint8Array(65_536)));
    }
    expect(client.told().at(-1)).toBe('GOAWAY FLOW_CONTROL');
    expect(listener.told().at(-1)).toBe(`RESET ${far} CONNECTION_LOST`);
    expect(other.told()).toEqual([]);
  });
});
