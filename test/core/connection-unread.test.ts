import { expect, test } from 'vitest';
import { ConnectionCore } from '../../src/core/connection.js';
import { encodeHello, encodePing } from '../../src/protocol/encode.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';

const HEARTBEAT = { intervalMs: 1000, timeoutMs: 500 };

/** An acceptor whose handshake is complete. */
function accepted(): ConnectionCore {
  const connection: ConnectionCore = new ConnectionCore(
    { role: 'acceptor', limits: { ...DEFAULT_LIMITS }, now: 0 },
    {
      helloReceived: () => connection.welcome({ heartbeat: HEARTBEAT, relayId: 'r', resumeWindowMs: 0 }, 0),
      welcomeReceived: () => {},
      openReceived: () => {},
      noticeReceived: () => {},
      connectionEnded: () => {},
    },
  );
  connection.receive(encodeHello({ version: 1, limits: { ...DEFAULT_LIMITS } }), 0);
  connection.takeMessage();
  return connection;
}

/** The peer says something, as if it were well. */
function speak(connection: ConnectionCore, now: number): void {
  connection.receive(encodePing(new Uint8Array(8)), now);
  connection.advance(now);
}

test('a peer that talks and does not read is cut when what waits has waited for two pings (R177)', () => {
  const connection = accepted();
  for (const now of [1000, 2000]) speak(connection, now);
  expect(connection.hasEnded).toBe(false);
  speak(connection, 3000);
  expect(connection.endReason).toMatchObject({
    code: 'CONNECTION_LOST',
    message: expect.stringContaining('reads nothing'),
  });
});

test('one that reads a little between is not', () => {
  const connection = accepted();
  for (let now = 1000; now <= 20_000; now += 1000) {
    speak(connection, now);
    if (now % 2000 === 0) connection.takeMessage();
  }
  expect(connection.hasEnded).toBe(false);
});

test('one for which nothing waits is not', () => {
  const connection = accepted();
  for (let now = 1000; now <= 20_000; now += 1000) {
    connection.receive(encodePing(new Uint8Array(8)), now);
    connection.takeMessage();
    connection.advance(now);
    connection.takeMessage();
  }
  expect(connection.hasEnded).toBe(false);
});
