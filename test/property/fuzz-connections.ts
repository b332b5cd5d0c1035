import { ConnectionCore, type ConnectionOwner } from '../../src/core/connection.js';
import { encodeHello, encodeWelcome } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { FakeAttachment } from '../core/fake-attachment.js';
import type { SeededRandom } from '../support/seeded-random.js';
import { takeMessage } from '../support/take-message.js';

const HEARTBEAT = { intervalMs: 25_000, timeoutMs: 20_000 };
const HELLO = encodeHello({ version: 1, limits: DEFAULT_LIMITS });
export const WELCOME = encodeWelcome({
  version: 1,
  limits: DEFAULT_LIMITS,
  heartbeat: HEARTBEAT,
  relayId: 'r',
  resumeWindowMs: 60_000,
});
const ANSWER = { relayId: 'r', heartbeat: HEARTBEAT, resumeWindowMs: 60_000 };
export const MESSAGES_PER_CONNECTION = 10;

/** Takes every stream that the peer opens, and counts its ends. */
class Owner implements ConnectionOwner {
  ends = 0;
  connection: ConnectionCore | undefined;

  constructor(private readonly isWelcoming: boolean) {}

  helloReceived(): void {
    if (this.isWelcoming) this.connection?.welcome(ANSWER, 0);
  }

  welcomeReceived(): void {}

  openReceived(id: number): void {
    this.connection?.attach(id, new FakeAttachment(id, 100));
  }

  noticeReceived(): void {}

  connectionEnded(): void {
    this.ends++;
  }
}

/** Every state that a connection can be in when a message arrives. */
const STATES: Record<string, (owner: Owner) => ConnectionCore> = {
  'acceptor waiting': (owner) => make('acceptor', owner),
  'acceptor deciding': (owner) => feed(make('acceptor', owner), HELLO),
  'acceptor open': (owner) => feed(make('acceptor', owner), HELLO),
  'acceptor ended': (owner) => end(feed(make('acceptor', owner), HELLO)),
  'dialer waiting': (owner) => make('dialer', owner),
  'dialer open': (owner) => feed(make('dialer', owner), WELCOME),
  'dialer ended': (owner) => end(make('dialer', owner)),
};
export const CONNECTION_STATES = Object.keys(STATES);

function make(role: 'acceptor' | 'dialer', owner: Owner): ConnectionCore {
  const connection = new ConnectionCore({ role, limits: DEFAULT_LIMITS, now: 0 }, owner);
  owner.connection = connection;
  if (role === 'acceptor') return connection;
  connection.hello();
  const target = { kind: 'plain' } as const;
  for (let count = 1; count <= 3; count++)
    connection.open(new FakeAttachment(count), { uid: '0'.repeat(32), credit: 1000, meta: null, target });
  return connection;
}

function feed(connection: ConnectionCore, message: Uint8Array): ConnectionCore {
  connection.receive(message, 0);
  return connection;
}

function end(connection: ConnectionCore): ConnectionCore {
  connection.fail(new TrunklineError('GOING_AWAY'));
  return connection;
}

export function drain(connection: ConnectionCore): void {
  while (takeMessage(connection) !== undefined);
}

/** Parts of the message, in order. */
function inParts(message: Uint8Array, random: SeededRandom): Uint8Array[] {
  if (message.length < 2 || random.chance(0.6)) return [message];
  const at = random.integer(1, message.length - 1);
  return [message.subarray(0, at), message.subarray(at)];
}

/**
 * A connection in that state gets ten messages, some of them in parts: it neither throws, nor ends twice, nor finds a defect
 * of its own, and has nothing left. @throws Error saying what it did instead
 */
export function fuzzConnection(
  state: string,
  random: SeededRandom,
  message: (random: SeededRandom) => Uint8Array,
): void {
  const owner = new Owner(state !== 'acceptor deciding');
  const connection = STATES[state]!(owner);
  for (let count = 0; count < MESSAGES_PER_CONNECTION; count++) {
    const parts = inParts(message(random), random);
    for (const [index, part] of parts.entries()) connection.receive(part, count, index === parts.length - 1);
    if (random.chance(0.3)) drain(connection);
    if (random.chance(0.1)) connection.welcome(ANSWER, count);
  }
  drain(connection);
  connection.lost(new TrunklineError('CONNECTION_LOST'));
  if (owner.ends !== 1 || connection.streamCount !== 0)
    throw new Error(`ended ${owner.ends} times with ${connection.streamCount} streams left`);
  // What the peer says wrong is its breach, not our defect.
  if (connection.endReason?.code === 'INTERNAL' && connection.endReason.cause !== undefined) throw connection.endReason;
}
