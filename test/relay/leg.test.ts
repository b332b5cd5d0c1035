import { beforeEach, describe, expect, test } from 'vitest';
import { Flow } from '../../relay/flow.js';
import { Leg, type LegOwner } from '../../relay/leg.js';
import { ConnectionCore } from '../../src/core/connection.js';
import { decodeMessage } from '../../src/protocol/decode.js';
import { encodeHello, encodeOpen } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { StreamFrame } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { dataFrame, nextId } from './core-peer.js';

class Owner implements LegOwner {
  readonly told: string[] = [];
  legReset(): void {
    this.told.push('reset');
  }
  legLost(): void {
    this.told.push('lost');
  }
  legsDone(): void {
    this.told.push('done');
  }
}

/** An accepted connection on which a peer has opened stream 1. */
function accepted(): ConnectionCore {
  const connection: ConnectionCore = new ConnectionCore(
    { role: 'acceptor', limits: DEFAULT_LIMITS, now: 0 },
    {
      helloReceived: () => connection.welcome('r', { intervalMs: 1000, timeoutMs: 1000 }, 0),
      welcomeReceived: () => {},
      openReceived: () => {},
      connectionEnded: () => {},
    },
  );
  connection.receive(encodeHello({ version: 1, limits: DEFAULT_LIMITS }), 0);
  connection.receive(encodeOpen(1, { uid: nextId(), credit: 0, meta: null, target: { kind: 'plain' } }), 0);
  connection.takeMessage();
  return connection;
}

function sent(connection: ConnectionCore): string[] {
  const told: string[] = [];
  for (let message = connection.takeMessage(); message; message = connection.takeMessage()) {
    for (const frame of decodeMessage(message, 65_536).frames) {
      if (frame.type === 'CREDIT') told.push(`CREDIT ${frame.consumed} ${frame.credit}`);
      else if (frame.type === 'ACCEPT') told.push(`ACCEPT ${frame.accept.credit}`);
      else told.push(frame.type === 'DATA' ? `DATA ${frame.payload.length}` : frame.type);
    }
  }
  return told;
}

function data(length: number): StreamFrame {
  const frame = dataFrame(1, new Uint8Array(length));
  return { type: 'DATA', id: 1, payload: frame.subarray(8), exhausted: false, frame };
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
  left = new Leg(accepted(), 1, there, back, owner, () => ahead);
  right = new Leg(accepted(), 1, back, there, owner, () => ahead);
  left.attach();
  right.attach();
});

function splice(): void {
  left.join(right, owner);
  right.join(left, owner);
  left.accept(null);
  right.accept(null);
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

  test('its owner hears of RESET and of the loss of its connection, once', () => {
    left.receive({ type: 'RESET', id: 1, error: { code: 'CANCELED', reason: '' } });
    left.detach(new TrunklineError('CONNECTION_LOST'));
    right.detach(new TrunklineError('CONNECTION_LOST'));
    right.detach(new TrunklineError('CONNECTION_LOST'));
    expect(owner.told).toEqual(['reset', 'lost']);
  });
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

  test('END_ACK of both directions ends both legs', () => {
    for (const leg of [left, right]) leg.receive({ type: 'END', id: 1, finalOffset: 0 });
    sent(left.connection);
    sent(right.connection);
    right.receive({ type: 'END_ACK', id: 1 });
    expect([owner.told, left.connection.streamCount]).toEqual([[], 1]);
    left.receive({ type: 'END_ACK', id: 1 });
    expect(owner.told).toEqual(['done']);
    expect([sent(left.connection), sent(right.connection)]).toEqual([['END_ACK'], ['END_ACK']]);
    expect([left.connection.streamCount, right.connection.streamCount]).toEqual([0, 0]);
  });

  test('a reset leg holds nothing and says nothing more', () => {
    right.receive({ type: 'CREDIT', id: 1, consumed: 0, credit: 10 });
    left.receive(data(1000));
    right.reset({ code: 'CANCELED', reason: '' });
    right.reset({ code: 'CANCELED', reason: '' });
    right.accept(null);
    expect(right.outbound.queued).toBe(0);
    expect(sent(right.connection)).toEqual(['RESET']);
  });
});
