// What somebody who tries to take a live stream costs its owner. Run by hand:
//   npx tsx test/soak/attack.ts                          100 wrong proofs during each transfer of 512 MiB
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { connectTunnel } from '../../src/index.js';
import { Exchange } from '../support/exchange.js';
import { open, RawPeer, Type } from '../support/raw-peer.js';
import { RelayProcess } from '../support/relay-process.js';
import { coreOf } from '../support/stream-cores.js';
import { percentile } from './resume-times.js';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '512' },
    attempts: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '5' },
  },
});
const [mib, attempts, rounds] = [values.mib, values.attempts, values.rounds].map(Number) as [number, number, number];
const bytesEachWay = (mib / 2) * 1024 * 1024;

const relay = await RelayProcess.start();
const route = { client: connectTunnel(relay.url), listener: connectTunnel(relay.url), name: 'ATTACKED' };
const attacker = await RawPeer.ready(relay.url, { endpoint: randomBytes(16).toString('hex') });
let nextId = 1;
let suspensions = 0;
const codes = new Set<unknown>();

/** Resolves with MB/s. */
async function transfer(attackCount: number): Promise<number> {
  const started = performance.now();
  const exchange = await Exchange.start({
    routes: [route],
    streamsPerRoute: 1,
    bytesEachWay,
    onStream: (stream) => stream.on('suspend', () => suspensions++),
  });
  // The last answers may come later.
  const finished = exchange.done.then(() => performance.now());
  for (let attack = 1; attack <= attackCount; attack++) {
    await exchange.reached(attack / (attackCount + 1));
    await tryToTake(exchange, attack);
  }
  const milliseconds = (await finished) - started;
  await exchange.close();
  return exchange.bytes / 1000 / milliseconds;
}

async function tryToTake(exchange: Exchange, epoch: number): Promise<void> {
  const stream = exchange.streams.find((each) => coreOf(each).isInitiator)!;
  const { endpoint } = (coreOf(stream) as unknown as { handshake: { endpoint: string } }).handshake;
  const proof = randomBytes(16).toString('hex');
  const resume = { epoch, received: 0, ended: false, proof };
  attacker.send(open(nextId, { kind: 'resume', endpoint, waitMs: 0 }, { uid: stream.uid, resume }));
  nextId += 2;
  codes.add((await attacker.nextPayload(Type.RESET)).code);
}

const [alone, attacked]: [number[], number[]] = [[], []];
for (let round = 0; round <= rounds; round++) {
  const results = [await transfer(0), await transfer(attempts)] as const;
  // The first round warms up.
  if (round === 0) continue;
  alone.push(results[0]);
  attacked.push(results[1]);
}
const [before, after] = [percentile(alone, 50), percentile(attacked, 50)];
console.log(`${mib} MiB, ${attempts} wrong proofs, median of ${rounds} rounds`);
console.table([
  { run: 'alone', 'MB/s': before.toFixed(1) },
  {
    run: 'attacked',
    'MB/s': after.toFixed(1),
    ratio: (after / before).toFixed(3),
    codes: [...codes].join(),
    suspensions,
  },
]);
for (const tunnel of [route.client, route.listener]) tunnel.close();
await attacker.close();
await relay.kill();
