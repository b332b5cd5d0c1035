import { beforeEach, describe, expect, test } from 'vitest';
import { Flow } from '../../relay/flow.js';
import { Leg, type LegOwner } from '../../relay/leg.js';
import { ConnectionCore } from '../../src/core/connection.js';
import { encodeHello, encodeOpen } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { StreamFrame } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { decodeMessage } from '../support/decode-message.js';
import { takeMessage } from '../support/take-message.js';
import { nextId } from './core-peer.js';

class Owner implements LegOwner {
  readonly told: string[] = [];
  legAccepted(): void {
    this.told.push('accepted');
  }
  legReset(): void {
    this.told.push('reset');
  }
  legDetached(): void {
    this.told.push('detached');
  }
  legClosed(): void {
    this.told.push('closed');
  }
  legLost(): void {
    this.told.push('lost');
  }
}

/** An accepted connection on which a peer has opened stream 1. */
function accepted(): ConnectionCore {
  const connection: ConnectionCore = new ConnectionCore(
    { role: 'acceptor', limits: DEFAULT_LIMITS, now: 0 },
    {
      helloReceived: () =>
        connection.welcome({ heartbeat: { intervalMs: 1000, timeoutMs: 1000 }, relayId: 'r', resumeWindowMs: 0 }, 0),
      welcomeReceived: () => {},
      openReceived: () => {},
      noticeReceived: () => {},
      connectionEnded: () => {},
    },
  );
  connection.receive(encodeHello({ version: 1, limits: DEFAULT_LIMITS }), 0);
  connection.receive(encodeOpen(1, { uid: nextId(), credit: 0, meta: null, target: { kind: 'plain' } }), 0);
  takeMessage(connection);
  return connection;
}

function sent(connection: ConnectionCore): string[] {
  const told: string[] = [];
  for (let message = takeMessage(connection); message; message = takeMessage(connection)) {
    for (const frame of decodeMessage(message, 65_536).frames) {
      if (frame.type === 'CREDIT') told.push(`CREDIT ${frame.consumed} ${frame.credit}`);
      else if (frame.type === 'ACCEPT') told.push(`ACCEPT ${frame.accept.credit}`);
      else told.push(frame.type === 'DATA' ? `DATA ${frame.payload.length}` : frame.type);
    }
  }
  return told;
}

function data(length: number): StreamFrame {
  return { type: 'DATA', id: 1, payload: new Uint8Array(length), exhausted: false };
}

let ahead: number;
let owner: Owner;
let left: Leg;
let right: Leg;

beforeEach(() => {
  ahead = 1000;
  owner = new Owner();
  const [there, back] = [new Flow(0), new Flow(0)];
  there.receiveCredit(0, 10_000);
  left = new Leg(accepted(), there, back, owner, () => ahead);
  right = new Leg(accepted(), back, there, owner, () => ahead);
  left.attach(1, 'early');
  right.attach(1, 'early');
});

function splice(): void {
  left.join(right, owner);
  right.join(left, owner);
  left.accept({ meta: null });
  right.accept({ meta: null });
  sent(left.connection);
  sent(right.connection);
}

describe('before it is joined', () => {
  test.each<StreamFrame>([
    { type: 'CREDIT', id: 1, consumed: 0, credit: 1 },
    { type: 'END_ACK', id: 1 },
    { type: 'ACCEPT', id: 1, accept: { credit: 0, meta: null } },
    { type: 'OFFER', id: 1, offer: { id: '', uid: '', name: '', meta: null } },
    { type: 'REFUSE', id: 1, refuse: { id: '', code: 'REFUSED', reason: '' } },
  ])('$type is a breach', (frame) => {
    expect(() => left.receive(frame)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  });

  test('its owner hears of what ends it, and of the loss of its connection once', () => {
    left.receive({ type: 'RESET', id: 1, error: { code: 'CANCELED', reason: '' } });
    left.receive({ type: 'DETACH', id: 1, error: { code: 'CANCELED', reason: '' } });
    left.receive({ type: 'CLOSE', id: 1 });
    right.detach(new TrunklineError('CONNECTION_LOST'));
    right.detach(new TrunklineError('CONNECTION_LOST'));
    expect(owner.told).toEqual(['reset', 'detached', 'closed', 'lost']);
  });
});

describe('of a stream that is carried on', () => {
  test.each<StreamFrame>([
    data(1),
    data(0),
    { type: 'END', id: 1, finalOffset: 0 },
    { type: 'CREDIT', id: 1, consumed: 0, credit: 1 },
    { type: 'END_ACK', id: 1 },
    { type: 'ACCEPT', id: 1, accept: { credit: 0, meta: null } },
  ])('$type before it is answered is a breach', (frame) => {
    left.close();
    left.attach(1, 'silent');
    expect(() => left.receive(frame)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  });
});

describe('opened by the relay', () => {
  let leg: Leg;
  beforeEach(() => {
    leg = new Leg(accepted(), new Flow(0), new Flow(0), owner, () => ahead);
    leg.open({ uid: nextId(), credit: 7, meta: null, target: { kind: 'plain' } });
  });

  test('has an id of the relay, and its owner hears of the answer once', () => {
    expect([leg.id, sent(leg.connection)]).toEqual([2, ['OPEN']]);
    const answer: StreamFrame = { type: 'ACCEPT', id: 2, accept: { credit: 0, meta: null } };
    leg.receive(answer);
    expect(owner.told).toEqual(['accepted']);
    leg.accept({ meta: null });
    expect(sent(leg.connection)).toEqual([]);
    expect(() => leg.receive(answer)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  });

  test.each<StreamFrame>([data(1), { type: 'END', id: 2, finalOffset: 0 }])(
    '$type before ACCEPT is a breach',
    (frame) => {
      expect(() => leg.receive(frame)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    },
  );
});

describe('joined', () => {
  beforeEach(splice);

  test('what one receives the other sends', () => {
    left.receive(data(10));
    left.receive({ type: 'END', id: 1, finalOffset: 10 });
    expect(sent(right.connection)).toEqual(['DATA 10', 'END']);
  });

  test('credit is withheld past the bound, and granted as bytes leave, without the sink saying anything', () => {
    left.receive(data(1000));
    expect(sent(left.connection)).toEqual([]);
    expect(() => left.receive(data(1))).toThrow(expect.objectContaining({ code: 'FLOW_CONTROL' }));
    expect(sent(right.connection)).toEqual(['DATA 1000']);
    expect(sent(left.connection)).toEqual(['CREDIT 0 2000']);
  });

  test('credit of the sink is passed on clamped, its consumption as it is', () => {
    left.receive(data(600));
    sent(right.connection);
    sent(left.connection);
    right.receive({ type: 'CREDIT', id: 1, consumed: 500, credit: 1_000_000 });
    expect(sent(left.connection)).toEqual(['CREDIT 500 1600']);
  });

  test('END_ACK is passed on, and when both have come the leg is done', () => {
    for (const leg of [left, right]) leg.receive({ type: 'END', id: 1, finalOffset: 0 });
    sent(left.connection);
    sent(right.connection);
    right.receive({ type: 'END_ACK', id: 1 });
    expect([left.isDone, right.isDone]).toEqual([false, false]);
    left.receive({ type: 'END_ACK', id: 1 });
    expect([left.isDone, right.isDone]).toEqual([true, true]);
    expect([sent(left.connection), sent(right.connection)]).toEqual([['END_ACK'], ['END_ACK']]);
    expect([left.connection.streamCount, right.connection.streamCount]).toEqual([1, 1]);
  });

  test('once deaf it hears nothing but what ends it, and says nothing of its flows', () => {
    right.receive({ type: 'CREDIT', id: 1, consumed: 0, credit: 10_000 });
    left.receive(data(10));
    left.receive({ type: 'END', id: 1, finalOffset: 10 });
    for (const leg of [left, right]) leg.deafen();
    for (const frame of [
      data(1_000_000),
      { type: 'END', id: 1, finalOffset: 3 },
      { type: 'CREDIT', id: 1, consumed: 99, credit: 99 },
      { type: 'END_ACK', id: 1 },
      { type: 'ACCEPT', id: 1, accept: { credit: 0, meta: null } },
      { type: 'OFFER', id: 1, offer: { id: '', uid: '', name: '', meta: null } },
    ] as StreamFrame[])
      left.receive(frame);
    expect([sent(left.connection), sent(right.connection)]).toEqual([[], []]);
    expect(owner.told).toEqual([]);
    left.receive({ type: 'CLOSE', id: 1 });
    expect(owner.told).toEqual(['closed']);
  });

  test('a reset leg holds nothing and says nothing more', () => {
    right.receive({ type: 'CREDIT', id: 1, consumed: 0, credit: 10 });
    left.receive(data(1000));
    right.reset({ code: 'CANCELED', reason: '' });
    right.reset({ code: 'CANCELED', reason: '' });
    right.accept({ meta: null });
    expect(right.outbound.queued).toBe(0);
    expect(sent(right.connection)).toEqual(['RESET']);
  });
});
