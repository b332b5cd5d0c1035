import { beforeEach, expect, test } from 'vitest';
import type { RelayCore } from '../../relay/relay-core.js';
import { encodeAccept } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { CorePeer, dataFrame, makeRelay } from './core-peer.js';

let core: RelayCore;
let told: string[];
let client: CorePeer;
let listener: CorePeer;

beforeEach(() => {
  ({ core, told } = makeRelay());
  client = new CorePeer(core);
  listener = new CorePeer(core, {}, 0, 'far');
  listener.listen('n', { owner: 'o' });
});

test('every connection is told, and asked to come back at a time of its own', () => {
  listener.frames();
  core.drain(4000);
  for (const peer of [client, listener]) {
    const [notice] = peer.frames();
    expect(notice).toMatchObject({ type: 'GOAWAY', graceMs: 4000, error: { code: 'GOING_AWAY', retryable: true } });
    const { retryAfterMs } = (notice as { error: { retryAfterMs: number } }).error;
    expect(retryAfterMs).toBeGreaterThanOrEqual(0);
    expect(retryAfterMs).toBeLessThanOrEqual(1000);
    expect(peer.connection.isOpen).toBe(true);
  }
});

test('a connection in its handshake is told when it says who it is, and not before', () => {
  const connection = core.accept(0);
  core.drain(4000);
  expect([connection.hasOutput, connection.isOpen, connection.hasEnded]).toEqual([false, false, false]);
});

test('the times differ, and lie between nothing and a quarter of the grace', () => {
  const seeds = ['00000000', '80000000', 'ffffffff', '40000000'];
  const { core: seeded } = makeRelay({}, { now: 0 });
  const peers = seeds.map(() => new CorePeer(seeded));
  const { environment } = seeded as unknown as { environment: { randomId: () => string } };
  environment.randomId = () => seeds.shift()!.padEnd(32, '0');
  seeded.drain(4000);
  const times = peers.map((peer) => (peer.frames()[0] as { error: { retryAfterMs: number } }).error.retryAfterMs);
  expect(times).toEqual([0, 500, 999, 250]);
});

test('nothing new begins: no tunnel, no stream of any kind', () => {
  core.drain(1000);
  client.frames();
  const ids = [client.connect('n'), client.listen('m'), client.resume('far'), client.open({ kind: 'plain' })];
  expect(client.told()).toEqual(ids.map((id) => `RESET ${id} GOING_AWAY`));
  const late = new CorePeer(core);
  expect(late.hello).toMatchObject([{ type: 'GOAWAY', error: { code: 'GOING_AWAY' } }]);
  expect(late.hello[0]).not.toHaveProperty('graceMs');
  expect(told).toEqual(['created n']);
});

test('what flows goes on, and what was asked may be answered; who waits for others waits in vain', () => {
  const id = client.connect('n');
  const far = listener.accept(listener.offers()[0]!);
  const offered = client.connect('n');
  const [offer] = listener.offers();
  const asked = client.resume('far');
  const [open] = listener.opened();
  const waiting = client.connect('nobody', {}, 1000);
  const parked = client.resume('nowhere', {}, 1000);
  client.told();

  core.drain(1000);
  expect(client.told()).toEqual([
    `RESET ${waiting} GOING_AWAY`,
    `RESET ${parked} GOING_AWAY`,
    'notice GOING_AWAY 1000',
  ]);
  listener.told();
  client.send(dataFrame(id, new Uint8Array(7)));
  expect(listener.told()).toEqual([`DATA ${far} 7`]);
  listener.accept(offer!);
  listener.send(encodeAccept(open!.id, { credit: 1, meta: null, resume: { received: 0, ended: false, proof: '' } }));
  expect(client.told()).toEqual([`ACCEPT ${offered} 1000000`, `ACCEPT ${asked} 1`]);
  expect([core.stats.connects.pending, core.stats.resumes.pending]).toEqual([0, 0]);
});

test('an offer whose listener is lost meanwhile is not kept for a listener that cannot come back here', () => {
  const id = client.connect('n');
  core.drain(1000);
  client.told();
  listener.connection.lost(new TrunklineError('CONNECTION_LOST'));
  expect(client.told()).toEqual([`RESET ${id} GOING_AWAY`]);
  expect(told).toEqual(['created n']);
  core.close(new TrunklineError('GOING_AWAY'));
  expect(told).toEqual(['created n', 'destroyed n']);
  expect(core.stats).toMatchObject({ tunnels: { active: 0 }, connects: { pending: 0 }, names: { active: 0 } });
});
