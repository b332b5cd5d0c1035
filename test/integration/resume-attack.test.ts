import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { TunnelStream } from '../../src/index.js';
import type { Reopen } from '../../src/protocol/frames.js';
import { prove } from '../../src/runtime/prove.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { open, RawPeer, Type } from '../support/raw-peer.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, seededBytes } from '../support/seeded-bytes.js';
import { coreOf } from '../support/stream-cores.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const KIB = 1024;
const ATTACKS = 100;
const WRITE_BYTES = 8 * KIB;
const SEED = 7;
/** Over a quarter of the window: the reader says that it has taken some. */
const BACK_BYTES = 128 * KIB;

checkLeaksAfterEach();

/** What the opener knows of its stream, and others do not. */
function secretsOf(stream: TunnelStream) {
  const { handshake } = coreOf(stream) as unknown as {
    handshake: { endpoint: string; continuation: { secret: string; epoch: number; reopen(): Reopen } };
  };
  return handshake;
}

/** A transfer that goes on as long as the attack does, and one who knows the stream but is not its owner. */
async function startAttacked() {
  const fixture = await startRelay();
  const proxy = await TcpProxy.start(fixture.url);
  fixture.alsoClose.push(() => proxy.close());
  const { client, server } = await fixture.pair('ATTACKED', { client: fixture.dial({}, proxy.url) });
  const suspensions: string[] = [];
  for (const stream of [client, server]) stream.on('suspend', ({ code }) => suspensions.push(code));
  const received = readSeeded(server, SEED);
  client.resume();
  const attacker = await RawPeer.ready(fixture.url, { endpoint: randomBytes(16).toString('hex') });
  let written = 0;
  let nextId = 1;

  return {
    fixture,
    proxy,
    client,
    server,
    suspensions,
    /** The owner's transfer goes on: more bytes, and they arrive. */
    async transferMore(): Promise<void> {
      client.write(seededBytes(SEED, written, WRITE_BYTES));
      written += WRITE_BYTES;
      await until(() => coreOf(server).receiving.received === written, `${written} bytes at the listener`);
    },
    /** Says so, on a tunnel of its own; resolves with what it is refused with. */
    async attack(resume: object): Promise<string> {
      const { endpoint } = secretsOf(client);
      const target = { kind: 'resume', endpoint, waitMs: 0 };
      attacker.send(open(nextId, target, { uid: client.uid, resume }));
      nextId += 2;
      const { code } = await attacker.nextPayload(Type.RESET);
      return code as string;
    },
    async finish(): Promise<void> {
      client.end();
      server.end();
      expect((await received).bytes).toBe(written);
      await until(() => client.destroyed && server.destroyed, 'both ends to be done');
      expect([client.errored, server.errored]).toEqual([null, null]);
      await attacker.close();
    },
    get written() {
      return written;
    },
  };
}

describe('somebody who knows of a stream and wants to have it', () => {
  it('with a wrong proof, a hundred times: RESUME_UNKNOWN, and the transfer is none the wiser', async () => {
    const attacked = await startAttacked();
    const codes = new Set<string>();
    for (let count = 1; count <= ATTACKS; count++) {
      await attacked.transferMore();
      const proof = randomBytes(16).toString('hex');
      codes.add(await attacked.attack({ epoch: count, received: 0, ended: false, proof }));
    }
    expect(codes).toEqual(new Set(['RESUME_UNKNOWN']));
    expect(attacked.suspensions).toEqual([]);
    expect(attacked.fixture.relay.stats().resumes).toMatchObject({ requested: ATTACKS, refused: ATTACKS });
    await attacked.finish();
  });

  it('with an old proof that was right once: RESUME_UNKNOWN', async () => {
    const attacked = await startAttacked();
    await attacked.transferMore();
    const { continuation } = secretsOf(attacked.client);
    const said: Reopen[] = [];
    const reopen = continuation.reopen.bind(continuation);
    continuation.reopen = () => {
      said.push(reopen());
      return said.at(-1)!;
    };
    for (let cut = 1; cut <= 3; cut++) {
      attacked.proxy.cut();
      await attacked.transferMore();
      await until(() => !attacked.client.suspended && !attacked.server.suspended, 'the stream to go on');
    }
    expect(said.length).toBeGreaterThanOrEqual(3);
    const suspensionsBefore = attacked.suspensions.length;
    for (const old of said) expect(await attacked.attack(old)).toBe('RESUME_UNKNOWN');
    // The proof covers what it is said with.
    const last = said.at(-1)!;
    expect(await attacked.attack({ ...last, epoch: last.epoch + 1 })).toBe('RESUME_UNKNOWN');
    expect(await attacked.attack({ ...last, received: last.received + 1 })).toBe('RESUME_UNKNOWN');
    await attacked.transferMore();
    expect(attacked.suspensions).toHaveLength(suspensionsBefore);
    await attacked.finish();
  });

  it('with the right secret and offsets that cannot be: PROTOCOL', async () => {
    const attacked = await startAttacked();
    const { server, client } = attacked;
    server.write(seededBytes(SEED, 0, BACK_BYTES));
    await until(() => coreOf(server).retainedBytes < BACK_BYTES, 'the listener to learn that some of it is held');
    await until(() => coreOf(client).receiving.received === BACK_BYTES, 'all of it to come');
    const { continuation } = secretsOf(client);
    const claim = (received: number, ended: boolean) => {
      const epoch = continuation.epoch + 1;
      const statement = ['open', client.uid, epoch, received, ended ? 'ended' : 'open'].join(' ');
      return { epoch, received, ended, proof: prove(continuation.secret, statement) };
    };
    expect(await attacked.attack(claim(BACK_BYTES + 1, false))).toBe('PROTOCOL');
    expect(await attacked.attack(claim(0, false))).toBe('PROTOCOL');
    expect(await attacked.attack(claim(BACK_BYTES, true))).toBe('PROTOCOL');
    await attacked.transferMore();
    expect(attacked.suspensions).toEqual([]);
    await attacked.finish();
  });
});
