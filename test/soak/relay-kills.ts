// Transfers Node to Node, while their relay is killed (SIGKILL) and started anew, again and again. Run by hand:
//   npx tsx test/soak/relay-kills.ts                     20 kills of one relay, then 20 of two with failover
//   npx tsx test/soak/relay-kills.ts --kills 100 --mib 256
import { parseArgs } from 'node:util';
import { transferWhileRelaysDie } from '../support/relay-kills.js';
import { RelayProcess } from '../support/relay-process.js';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    /** All that is carried, both ways together. */
    mib: { type: 'string', default: '256' },
    tunnels: { type: 'string', default: '4' },
    streams: { type: 'string', default: '4' },
  },
});
const [kills, mib, routes, streamsPerRoute] = [values.kills, values.mib, values.tunnels, values.streams].map(
  Number,
) as [number, number, number, number];
const bytesEachWay = Math.floor((mib * 1024 * 1024) / (routes * streamsPerRoute * 2));

async function run(relayCount: number): Promise<object> {
  const relays = await Promise.all(Array.from({ length: relayCount }, () => RelayProcess.start()));
  const started = performance.now();
  const bytes = await transferWhileRelaysDie({
    relays,
    kills,
    routes,
    streamsPerRoute,
    bytesEachWay,
    onKill: (kill) => console.error(`${relayCount} relays, kill ${kill}: ${seconds(started)} s`),
  });
  for (const relay of relays) await relay.close();
  return { relays: relayCount, kills, 'streams failed': 0, 'bytes right': bytes, seconds: seconds(started) };
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);

console.table([await run(1), await run(2)]);
