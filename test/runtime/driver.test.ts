import { expect, test } from 'vitest';
import { ConnectionCore } from '../../src/core/connection.js';
import { DEFAULT_HEARTBEAT } from '../../src/core/keep-alive.js';
import { encodeHello, encodePing } from '../../src/protocol/encode.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { type Message, messageBytes } from '../../src/protocol/message-parts.js';
import type { Clock } from '../../src/runtime/clock.js';
import { Driver } from '../../src/runtime/driver.js';
import type { Connection, ConnectionHandlers } from '../../src/transport/connection.js';
import { FakeAttachment } from '../core/fake-attachment.js';

const MIB = 1024 * 1024;

/** A transport that takes whatever it is given. */
class EndlessConnection implements Connection {
  readonly announcesWritable = true;
  readonly copiesMessages = false;
  isWritable = true;
  handlers: ConnectionHandlers | undefined;
  sentBytes = 0;
  closedWith: string | undefined;

  start(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
  }

  send(message: Message): void {
    this.sentBytes += messageBytes(message);
  }

  close(_orderly: boolean, reason: string): void {
    this.closedWith = reason;
  }

  terminate(): void {}
}

/** Time stands still; what is deferred or waits for the platform's turn is run by the test. */
class ManualClock implements Clock {
  private readonly deferred: (() => void)[] = [];
  readonly turns: (() => void)[] = [];

  now(): number {
    return 0;
  }

  setTimer(): () => void {
    return () => {};
  }

  defer(callback: () => void): void {
    this.deferred.push(callback);
  }

  yieldTurn(callback: () => void): void {
    this.turns.push(callback);
  }

  runDeferred(): void {
    for (let callback = this.deferred.shift(); callback; callback = this.deferred.shift()) callback();
  }
}

function driveOpenConnection() {
  const core: ConnectionCore = new ConnectionCore(
    { role: 'acceptor', limits: DEFAULT_LIMITS, now: 0 },
    {
      helloReceived: (_hello, now) =>
        core.welcome({ relayId: 'relay', heartbeat: DEFAULT_HEARTBEAT, resumeWindowMs: 0 }, now),
      welcomeReceived() {},
      openReceived() {},
      noticeReceived() {},
      connectionEnded() {},
    },
  );
  const connection = new EndlessConnection();
  const clock = new ManualClock();
  new Driver(core, connection, clock, () => {});
  connection.handlers?.received(encodeHello({ version: 1, limits: DEFAULT_LIMITS }), true);
  clock.runDeferred();
  connection.sentBytes = 0;
  return { core, connection, clock };
}

test('a stream with megabytes to send lets the platform have its turn every 256 KiB', () => {
  const { core, connection, clock } = driveOpenConnection();
  core.dataReady(new FakeAttachment(2, 2 * MIB));
  clock.runDeferred();
  const perTurn = connection.sentBytes;
  expect(perTurn).toBeGreaterThan(MIB / 4 - 64 * 1024);
  expect(perTurn).toBeLessThan(MIB / 4 + 128 * 1024);
  expect(clock.turns).toHaveLength(1);

  for (let turn = clock.turns.shift(); turn; turn = clock.turns.shift()) turn();
  expect(connection.sentBytes).toBeGreaterThan(2 * MIB);
});

test('what arrives begins a new turn: its answer does not wait for the yielded one', () => {
  const { core, connection, clock } = driveOpenConnection();
  core.dataReady(new FakeAttachment(2, 2 * MIB));
  clock.runDeferred();
  const perTurn = connection.sentBytes;
  connection.handlers?.received(encodePing(new Uint8Array(8)), true);
  clock.runDeferred();
  expect(connection.sentBytes).toBeGreaterThan(perTurn);
});

test('a connection that has ended says its GOAWAY and closes, however full the transport is', () => {
  const { core, connection, clock } = driveOpenConnection();
  connection.isWritable = false;
  core.receiveText();
  clock.runDeferred();
  expect(connection.sentBytes).toBeGreaterThan(0);
  expect(connection.closedWith).toBe('PROTOCOL');
});
