// Many streams over connections that are cut again and again, against the same without cuts. Run by hand:
//   npx tsx test/soak/cuts.ts                            2 GiB, 500 cuts
//   npx tsx test/soak/cuts.ts --gib 16 --cuts 10000
import { parseArgs } from 'node:util';
import { dialConnection } from '../../src/runtime/dial-connection.js';
import { DialedTunnel } from '../../src/runtime/dialed-tunnel.js';
import { Exchange, type Route } from '../support/exchange.js';
import { RelayProcess } from '../support/relay-process.js';
import { CUT_KINDS, type CutKind, Saboteur } from '../support/saboteur.js';
import { coresOf } from '../support/stream-cores.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { percentile, ResumeTimes } from './resume-times.js';

const { values } = parseArgs({
  options: {
    gib: { type: 'string', default: '2' },
    cuts: { type: 'string', default: '500' },
    tunnels: { type: 'string', default: '8' },
    streams: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
    kinds: { type: 'string', default: CUT_KINDS.join() },
  },
});
const [gib, cuts, tunnels, streams, seed] = [values.gib, values.cuts, values.tunnels, values.streams, values.seed].map(
  Number,
) as [number, number, number, number, number];

const kinds = values.kinds.split(',') as CutKind[];

/** A black hole is only found out by missing something. */
const heartbeat = { intervalMs: 300, timeoutMs: 500 };
/** The same for one that begins before the handshake is over. */
const HANDSHAKE_TIMEOUT_MS = 1_000;
const bytesEachWay = Math.floor((gib * 1024 ** 3) / (tunnels * streams * 2));

interface Result {
  seconds: number;
  bytes: number;
  times: ResumeTimes;
  saboteur: Saboteur;
}

async function run(cutCount: number): Promise<Result> {
  const relay = await RelayProcess.start({ heartbeat });
  const proxy = await TcpProxy.start(relay.url);
  const times = new ResumeTimes();
  const saboteur = new Saboteur(proxy, seed, kinds);
  const routes: Route[] = Array.from({ length: tunnels }, (_, index) => ({
    client: dial(proxy.url, times),
    listener: dial(proxy.url, times),
    name: `SOAK-${index}`,
  }));
  const started = performance.now();
  const exchange = await Exchange.start({
    routes,
    streamsPerRoute: streams,
    bytesEachWay,
    onStream: (stream, route) => times.watchStream(stream, route),
  });
  const report = setInterval(() => console.error(`${exchange.bytes} bytes, ${saboteur.count} cuts`), 10_000);
  for (let cut = 1; cut <= cutCount; cut++) {
    await exchange.reached(cut / (cutCount + 1));
    await cutOne(saboteur);
  }
  await exchange.done;
  const seconds = (performance.now() - started) / 1000;
  clearInterval(report);
  await checkNothingLeft(exchange, routes, relay);
  await proxy.close();
  await relay.kill();
  return { seconds, bytes: exchange.bytes, times, saboteur };
}

function dial(url: string, times: ResumeTimes): DialedTunnel {
  let tunnel: DialedTunnel | undefined;
  const dialOnce = () => {
    // The first one is from within the constructor, and resumes nothing.
    if (tunnel) times.dialed(tunnel);
    return dialConnection(url, {});
  };
  tunnel = new DialedTunnel([dialOnce], { handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS });
  times.watchTunnel(tunnel);
  return tunnel;
}

/** All may have been cut already, while nobody has missed anything yet. */
async function cutOne(saboteur: Saboteur): Promise<void> {
  await until(() => saboteur.cutOne(), 'a connection that is whole');
}

async function checkNothingLeft(exchange: Exchange, routes: Route[], relay: RelayProcess): Promise<void> {
  await exchange.close();
  const all = routes.flatMap(({ client, listener }) => [client, listener]);
  const left = () => all.flatMap(coresOf);
  // An acceptor whose opener's last word was cut off waits for it, for a whole window; its application is done.
  await until(
    () => left().every((stream) => stream.isLingering && stream.isSuspended),
    () => `no stream left; there are ${left().map((stream) => stream.currentPhase)}`,
  );
  console.error(`${left().length} acceptors wait for a last word that was cut off`);
  for (const tunnel of all) tunnel.close();
  const { splices, connects, resumes, names } = (await relay.report()).stats;
  const busy = { splices: splices.active, connects: connects.pending, resumes: resumes.pending, names: names.active };
  if (Object.values(busy).some((count) => count > 0)) throw new Error(`left at the relay: ${JSON.stringify(busy)}`);
}

const megabytesPerSecond = ({ bytes, seconds }: Result): string => (bytes / 1e6 / seconds).toFixed(1);

function row(name: string, times: readonly number[]): Record<string, string | number> {
  const at = (percent: number): string => percentile(times, percent).toFixed(1);
  return { measured: name, samples: times.length, p50: at(50), p99: at(99), max: at(100) };
}

console.log(
  `${gib} GiB, ${tunnels} client and ${tunnels} listener tunnels x ${streams} streams, both directions, seed ${seed}`,
);
const whole = await run(0);
const cut = await run(cuts);
console.table([
  { run: 'without cuts', seconds: whole.seconds.toFixed(1), 'MB/s': megabytesPerSecond(whole) },
  { run: `${cut.saboteur.count} cuts`, seconds: cut.seconds.toFixed(1), 'MB/s': megabytesPerSecond(cut) },
]);
console.table(cut.saboteur.cuts);
console.log('resume times of stream ends, milliseconds');
console.table([
  row('since WELCOME', cut.times.sinceWelcome),
  row('since dial', cut.times.sinceDial),
  row('since suspend', cut.times.sinceSuspend),
]);
