import { expect, test } from 'vitest';
import { createDialedTunnel } from '../../src/core/tunnel.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { CorePeer, makeRelay } from '../relay/core-peer.js';
import { SeededRandom } from '../support/seeded-random.js';
import { CONNECTION_STATES, drain, fuzzConnection, MESSAGES_PER_CONNECTION, WELCOME } from './fuzz-connections.js';
import { anyHandshake } from './fuzz-handshakes.js';
import { anyMessage, mutate } from './fuzz-input.js';
import { FuzzedRelay } from './fuzz-relay.js';
import { announce, FUZZ_RUNS, PROPERTY_SEED } from './settings.js';

const TIMEOUT = { timeout: 600_000 };

test.each(CONNECTION_STATES)('a connection that is %s neither throws nor ends twice', TIMEOUT, (state) => {
  const random = new SeededRandom(PROPERTY_SEED);
  const runs = Math.ceil(FUZZ_RUNS / MESSAGES_PER_CONNECTION / CONNECTION_STATES.length);
  announce(`connection, ${state}`, runs * MESSAGES_PER_CONNECTION);
  for (let run = 0; run < runs; run++) fuzzConnection(state, random, anyMessage);
});

test.each(CONNECTION_STATES)('a connection that is %s survives handshakes that are nearly right', TIMEOUT, (state) => {
  const random = new SeededRandom(PROPERTY_SEED);
  const runs = Math.ceil(FUZZ_RUNS / MESSAGES_PER_CONNECTION / CONNECTION_STATES.length);
  announce(`handshakes, ${state}`, runs * MESSAGES_PER_CONNECTION);
  for (let run = 0; run < runs; run++) fuzzConnection(state, random, anyHandshake);
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
  const relay = new FuzzedRelay(random);
  for (let run = 0; run < runs; run++)
    relay.say(random.chance(0.5) ? anyMessage(random) : mutate(anyMessage(random), random));
  relay.close();
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
