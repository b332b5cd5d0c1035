// Transfers Node to Node, while one relay takes over from another that drains, again and again. Run by hand:
//   npx tsx test/soak/redeploys.ts                       10 redeploys
import { parseArgs } from 'node:util';
import { transferWhileRedeploying } from '../support/rolling-redeploy.js';

const { values } = parseArgs({
  options: {
    redeploys: { type: 'string', default: '10' },
    mib: { type: 'string', default: '256' },
    tunnels: { type: 'string', default: '4' },
    streams: { type: 'string', default: '4' },
    'grace-ms': { type: 'string', default: '4000' },
  },
});
const [redeploys, mib, routes, streamsPerRoute, drainGraceMs] = [
  values.redeploys,
  values.mib,
  values.tunnels,
  values.streams,
  values['grace-ms'],
].map(Number) as [number, number, number, number, number];

const started = performance.now();
const { bytes, connects, exitCodes } = await transferWhileRedeploying({
  redeploys,
  routes,
  streamsPerRoute,
  bytesEachWay: Math.floor((mib * 1024 * 1024) / (routes * streamsPerRoute * 2)),
  drainGraceMs,
  onRedeploy: (redeploy) => console.error(`redeploy ${redeploy}`),
});
console.table([
  {
    redeploys,
    "'error' events": 0,
    'bytes right': bytes,
    'connects meanwhile': connects,
    'relays that ended with 0': exitCodes.filter((code) => code === 0).length,
    seconds: ((performance.now() - started) / 1000).toFixed(1),
  },
]);
