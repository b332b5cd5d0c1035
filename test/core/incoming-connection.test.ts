import { expect, test } from 'vitest';
import type { ConnectionCore } from '../../src/core/connection.js';
import { IncomingConnection } from '../../src/core/incoming-connection.js';
import { DEFAULT_HEARTBEAT } from '../../src/core/keep-alive.js';
import { encodeHello, encodeNotice, encodeOpen, encodeWelcome } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { nextId } from './pair.js';

const HELLO = encodeHello({ version: 1, limits: DEFAULT_LIMITS, token: 'who' });
const OPEN = encodeOpen(1, { uid: nextId(), credit: 100, meta: null, target: { kind: 'plain' } });

function create() {
  const told: string[] = [];
  const incoming = new IncomingConnection({ limits: DEFAULT_LIMITS, now: 0 }, ({ token }) =>
    told.push(`hello ${token}`),
  );
  incoming.core.onOutput = () => {};
  const taker = {
    openReceived: (_: ConnectionCore, id: number) => told.push(`open ${id}`),
    ended: (_: ConnectionCore, error: TrunklineError) => told.push(`ended ${error.code}`),
  };
  return { told, incoming, taker };
}

test('what comes behind HELLO waits until it is somebody’s', () => {
  const { told, incoming, taker } = create();
  incoming.core.receive(HELLO, 0);
  incoming.core.receive(OPEN, 0);
  expect(told).toEqual(['hello who']);
  incoming.giveTo(taker);
  incoming.core.welcome({ heartbeat: DEFAULT_HEARTBEAT, relayId: 'r', resumeWindowMs: 0 }, 0);
  expect(told).toEqual(['hello who', 'open 1']);
  incoming.core.lost(new TrunklineError('CONNECTION_LOST', 'cut'));
  expect(told).toEqual(['hello who', 'open 1', 'ended CONNECTION_LOST']);
});

test('nobody is told of the end of one that was nobody’s', () => {
  const { told, incoming, taker } = create();
  incoming.core.receive(HELLO, 0);
  incoming.core.advance(10_000);
  expect([incoming.core.endReason?.code, told]).toEqual(['HANDSHAKE_TIMEOUT', ['hello who']]);
  incoming.giveTo(taker);
  expect(told).toHaveLength(1);
});

test.each([
  [
    'WELCOME',
    encodeWelcome({
      version: 1,
      limits: DEFAULT_LIMITS,
      heartbeat: DEFAULT_HEARTBEAT,
      relayId: 'r',
      resumeWindowMs: 0,
    }),
  ],
  ['a notice', encodeNotice({ code: 'GOING_AWAY', reason: '' }, 1000)],
])('%s is nothing that a dialer says', (_, frame) => {
  const { told, incoming, taker } = create();
  incoming.giveTo(taker);
  incoming.core.receive(HELLO, 0);
  incoming.core.welcome({ heartbeat: DEFAULT_HEARTBEAT, relayId: 'r', resumeWindowMs: 0 }, 0);
  incoming.core.receive(frame, 0);
  expect(told).toEqual(['hello who', 'ended PROTOCOL']);
});
