import { Deployment } from '../deployment.js';
import { verify } from '../measure.js';
import type { Sample } from '../scenarios/scenario.js';
import { weigh } from '../weighing.js';
import { itemMetrics, PING_METRIC, timeOpening, weightFigures } from './figures.js';
import { measurePoints, type Series } from './series.js';

export const TUNNEL_COUNTS = [1, 10, 100, 1000, 5000];
const WARM_UP_TUNNELS = 100;
const WARM_UP_WEIGHT = 50;
const PING_MS = 400;

/** Each has one stream, and is idle then. */
export async function growByTunnels(rounds: number): Promise<Series> {
  return {
    name: 'tunnels',
    title: 'Tunnels at one relay, one stream on each',
    over: 'tunnels',
    metrics: [...itemMetrics('tunnel'), PING_METRIC],
    points: await measurePoints(TUNNEL_COUNTS, rounds, measureTunnels),
  };
}

async function measureTunnels(count: number): Promise<Sample> {
  const weight = await weighTunnels(count);
  const deployment = await Deployment.start('trunkline');
  await deployment.run('holdTunnels', { count: WARM_UP_TUNNELS });
  const open = await timeOpening(deployment, 'holdTunnels', count);
  const { p50 } = await deployment.run('pingPong', { ms: PING_MS });
  await verify(deployment);
  await deployment.stop();
  return { open, ...weight, ping: p50 };
}

/** In processes of its own: memory that was freed before would be used first, and hide some of it. */
async function weighTunnels(count: number): Promise<Sample> {
  const deployment = await Deployment.start('trunkline');
  await deployment.run('holdTunnels', { count: WARM_UP_WEIGHT });
  const weight = await weigh(deployment, count, () => deployment.run('holdTunnels', { count }));
  await deployment.stop();
  return weightFigures(count, weight);
}
