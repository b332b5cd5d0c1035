import { expect, test } from 'vitest';
import { ConnectionCore, type ConnectionOwner } from '../../src/core/connection.js';
import { createDialedTunnel } from '../../src/core/tunnel.js';
import { encodeHello, encodeWelcome } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { FakeAttachment } from '../core/fake-attachment.js';
import { CorePeer, creditFrame, dataFrame, makeRelay } from '../relay/core-peer.js';
import { SeededRandom } from '../support/seeded-random.js';
import { takeMessage } from '../support/take-message.js';
import { anyMessage, mutate } from './fuzz-input.js';
import { announce, FUZZ_RUNS, PROPERTY_SEED } from './settings.js';

const HEARTBEAT = { intervalMs: 25_000, timeoutMs: 20_000 };
const HELLO = encodeHello({ version: 1, limits: DEFAULT_LIMITS });
const WELCOME = encodeWelcome({
  version: 1,
  limits: DEFAULT_LIMITS,
  heartbeat: HEARTBEAT,
  relayId: 'r',
  resumeWindowMs: 60_000,
});
const ANSWER = { relayId: 'r', heartbeat: HEARTBEAT, resumeWindowMs: 60_000 };
const MESSAGES_PER_CONNECTION = 10;
const TIMEOUT = { timeout: 600_000 };

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

function drain(connection: ConnectionCore): void {
  while (takeMessage(connection) !== undefined);
}

test.each(Object.keys(STATES))('a connection that is %s neither throws nor ends twice', TIMEOUT, (state) => {
  const random = new SeededRandom(PROPERTY_SEED);
  const runs = Math.ceil(FUZZ_RUNS / MESSAGES_PER_CONNECTION / Object.keys(STATES).length);
  announce(`connection, ${state}`, runs * MESSAGES_PER_CONNECTION);
  for (let run = 0; run < runs; run++) {
    const owner = new Owner(state !== 'acceptor deciding');
    const connection = STATES[state]!(owner);
    for (let count = 0; count < MESSAGES_PER_CONNECTION; count++) {
      connection.receive(anyMessage(random), count);
      if (random.chance(0.3)) drain(connection);
      if (random.chance(0.1)) connection.welcome(ANSWER, count);
    }
    drain(connection);
    connection.lost(new TrunklineError('CONNECTION_LOST'));
    if (owner.ends !== 1 || connection.streamCount !== 0)
      throw new Error(`run ${run}: ended ${owner.ends} times with ${connection.streamCount} streams left`);
    // What the peer says wrong is its breach, not our defect.
    if (connection.endReason?.code === 'INTERNAL' && connection.endReason.cause !== undefined)
      throw connection.endReason;
  }
});

test('an endpoint with streams in every phase neither throws nor finds a defect of its own', TIMEOUT, () => {
  const random = new SeededRandom(PROPERTY_SEED);
  const runs = Math.ceil(FUZZ_RUNS / MESSAGES_PER_CONNECTION / 4);
  announce('tunnel', runs * MESSAGES_PER_CONNECTION);
  for (let run = 0; run < runs; run++) {
    const window = { windowBytes: 100_000, maxWindowBytes: 100_000 };
    const tunnel = createDialedTunnel({
      limits: DEFAULT_LIMITS,
      window,
      randomId: () => random.id(),
      random: () => random.next(),
      now: () => 0,
      prove: (key, statement) => statement + key,
      // Half of them would carry their streams on, and find out that there is nobody to do it with.
      resumeWindowMs: run % 2 === 0 ? 60_000 : 0,
    });
    const connection = tunnel.connections.dial();
    const streams = [
      tunnel.open({ kind: 'plain' }, null),
      tunnel.open({ kind: 'connect', name: 'n', waitMs: 0 }, null),
      tunnel.open({ kind: 'listen', name: 'n', claim: 0 }, null),
    ];
    connection.receive(WELCOME, 0);
    for (let count = 0; count < MESSAGES_PER_CONNECTION; count++) {
      connection.receive(anyMessage(random), count);
      const stream = random.pick(streams);
      stream.write(new Uint8Array(random.integer(0, 50)));
      if (random.chance(0.2)) stream.end();
      for (const event of tunnel.takeEvents()) {
        if (event.type === 'incoming') event.stream.accept();
        if (event.type === 'stream' && event.event.type === 'data') event.stream.consume(event.event.bytes.length);
      }
      drain(connection);
    }
    const { endReason } = connection;
    if (endReason?.code === 'INTERNAL' && endReason.cause !== undefined) throw endReason;
    tunnel.close(new TrunklineError('TUNNEL_CLOSED'));
    expect([tunnel.streamCount, connection.streamCount]).toEqual([0, 0]);
  }
});

test('whatever one party sends a relay, the stream of two others keeps its bytes', TIMEOUT, () => {
  const random = new SeededRandom(PROPERTY_SEED);
  const runs = Math.ceil(FUZZ_RUNS / 10);
  announce('relay with a third party', runs);
  const { core, told } = makeRelay();
  const listener = new CorePeer(core);
  const client = new CorePeer(core);
  listener.listen('n');
  const near = client.connect('n');
  const far = listener.accept(listener.offers()[0]!);
  client.frames();
  listener.frames();
  let offset = 0;
  let third = new CorePeer(core);
  for (let run = 0; run < runs; run++) {
    if (third.connection.hasEnded) third = new CorePeer(core);
    const message = random.chance(0.5) ? anyMessage(random) : mutate(anyMessage(random), random);
    third.send(message);
    third.frames();

    const bytes = random.bytes(random.integer(1, 40));
    client.send(dataFrame(near, bytes));
    offset += bytes.length;
    const received = listener.frames().flatMap((frame) => (frame.type === 'DATA' && frame.id === far ? [frame] : []));
    const same = received.length === 1 && Buffer.compare(received[0]!.payload, bytes) === 0;
    listener.send(creditFrame(far, offset, offset + 1_000_000));
    const credits = client.frames().map(({ type }) => type);
    if (!same || credits.some((type) => type !== 'CREDIT'))
      throw new Error(`run ${run}: disturbed by ${Buffer.from(message).toString('hex')}: ${credits}`);
  }
  third.connection.lost(new TrunklineError('CONNECTION_LOST'));
  expect(told.filter((event) => event.startsWith('defect'))).toEqual([]);
  expect(core.names).toEqual(['n']);
  expect(core.stats).toMatchObject({ connects: { pending: 0 }, splices: { active: 1 }, tunnels: { active: 2 } });
});

test('a client that breaks every rule of its own stream takes only that stream with it', TIMEOUT, () => {
  const random = new SeededRandom(PROPERTY_SEED);
  const runs = Math.ceil(FUZZ_RUNS / 20);
  announce('relay with a bad client', runs);
  const { core, told } = makeRelay();
  const listener = new CorePeer(core);
  const good = new CorePeer(core);
  listener.listen('n');
  good.connect('n');
  listener.accept(listener.offers()[0]!);
  listener.frames();
  good.frames();
  for (let run = 0; run < runs; run++) {
    const bad = new CorePeer(core);
    bad.connect('n');
    const [offer] = listener.offers();
    if (offer === undefined) throw new Error(`run ${run}: no offer`);
    const far = listener.accept(offer);
    for (let count = 0; count < 3; count++) bad.send(anyMessage(random));
    bad.connection.lost(new TrunklineError('CONNECTION_LOST'));
    // Offers that the noise asked for are gone again with their client.
    listener.frames();
    if (!listener.connection.isOpen || good.told().length > 0) throw new Error(`run ${run} (stream ${far}) spread`);
  }
  expect(told.filter((event) => event.startsWith('defect'))).toEqual([]);
  expect(core.stats).toMatchObject({ connects: { pending: 0 }, splices: { active: 1 }, tunnels: { active: 2 } });
  expect(listener.connection.streamCount).toBe(2);
});
