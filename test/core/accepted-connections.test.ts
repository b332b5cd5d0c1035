import { expect, test } from 'vitest';
import { AcceptedConnections } from '../../src/core/accepted-connections.js';
import { IncomingConnection } from '../../src/core/incoming-connection.js';
import { DEFAULT_HEARTBEAT } from '../../src/core/keep-alive.js';
import { encodeHello } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { describeEvent } from './pair.js';

const ID = 'a'.repeat(32);
const lost = new TrunklineError('CONNECTION_LOST', 'cut');

function create({ canReturn = true, resumeWindowMs = 1000 } = {}) {
  const told: string[] = [];
  let now = 0;
  const connections = new AcceptedConnections(
    { id: ID, canReturn, resumeWindowMs, now: () => now },
    {
      openReceived: (_, id) => told.push(`open ${id}`),
      welcomed: () => told.push('welcomed'),
      forgotten: () => told.push('forgotten'),
      finished: ({ code }) => told.push(`finished ${code}`),
      tell: (event) => told.push(describeEvent(event)),
    },
  );
  const dialed = () => {
    const incoming = new IncomingConnection({ limits: DEFAULT_LIMITS, now }, () => {});
    incoming.core.receive(encodeHello({ version: 1, limits: DEFAULT_LIMITS }), now);
    return incoming;
  };
  const take = (incoming = dialed()) => {
    connections.take(incoming, { heartbeat: DEFAULT_HEARTBEAT, relayId: 'r' }, now);
    return incoming.core;
  };
  const elapse = (milliseconds: number) => {
    now += milliseconds;
    connections.advance(now);
  };
  return { connections, told, dialed, take, elapse };
}

test('connecting, open, suspended, open again, closed when nobody comes back in time', () => {
  const { connections, told, take, elapse } = create();
  expect([connections.stateName, connections.current, connections.takesOpens]).toEqual([
    'connecting',
    undefined,
    false,
  ]);
  const first = take();
  expect([connections.stateName, connections.current === first, connections.takesOpens]).toEqual(['open', true, true]);
  first.lost(lost);
  expect([connections.stateName, connections.current, connections.nextDeadline()]).toEqual([
    'suspended',
    undefined,
    1000,
  ]);
  elapse(999);
  const second = take();
  expect([connections.current === second, connections.nextDeadline()]).toEqual([true, Number.POSITIVE_INFINITY]);
  second.lost(lost);
  elapse(1000);
  expect([connections.stateName, connections.endReason?.code]).toEqual(['closed', 'RESUME_EXPIRED']);
  expect(told).toEqual([
    'open',
    'welcomed',
    'suspended',
    'resumed',
    'welcomed',
    'suspended',
    'finished RESUME_EXPIRED',
    'closed RESUME_EXPIRED',
  ]);
});

test('its limits are those of the connection that was last, while there is none', () => {
  const { connections, take } = create();
  take().lost(lost);
  expect(connections.peerLimits).toEqual(DEFAULT_LIMITS);
});

test('an end that is for good is its own, also while the dialer could return', () => {
  const { connections, told, take } = create();
  take().fail(new TrunklineError('PROTOCOL', 'a breach'));
  expect([connections.stateName, told.slice(2)]).toEqual(['closed', ['finished PROTOCOL', 'closed PROTOCOL']]);
});

test.each([{ canReturn: false }, { resumeWindowMs: 0 }])('%o: it is over with its connection', (options) => {
  const { connections, told, take } = create(options);
  expect(connections.returnId).toBeUndefined();
  take().lost(lost);
  expect([connections.stateName, told.at(-1)]).toEqual(['closed', 'closed CONNECTION_LOST']);
});

test('a connection that has ended while it was decided on is not taken', () => {
  const { connections, told, take, dialed } = create();
  const incoming = dialed();
  incoming.core.lost(lost);
  take(incoming);
  expect([connections.stateName, told]).toEqual(['connecting', []]);
});

test('what is over takes none', () => {
  const { connections, told, take } = create();
  take();
  connections.finish(new TrunklineError('TUNNEL_CLOSED', 'done'));
  const count = told.length;
  const late = take();
  expect([connections.current, late.isOpen, told.length]).toEqual([undefined, false, count]);
});

test('the end of a connection that was left is nobody’s', () => {
  const { connections, told, take } = create();
  const first = take();
  const second = take();
  expect([first.endReason?.code, told.slice(2)]).toEqual(['CONNECTION_LOST', ['suspended', 'resumed', 'welcomed']]);
  first.lost(lost);
  expect([connections.current === second, told.length]).toEqual([true, 5]);
});
