import { Deployment } from '../deployment.js';
import { verify } from '../measure.js';
import { KIB, MIB, type Sample } from '../scenarios/scenario.js';
import { weigh } from '../weighing.js';
import { itemMetrics, PING_METRIC, timeOpening, weightFigures } from './figures.js';
import { measurePoints, type Series } from './series.js';

export const STREAM_COUNTS = [1, 10, 100, 1000, 10_000];
const WARM_UP_STREAMS = 500;
const WARM_UP_WEIGHT = 50;
const PING_MS = 400;
/** Spread over all streams. */
const BULK = { writeBytes: 4 * KIB, totalBytes: 320 * MIB, hashed: false };

export async function growByStreams(rounds: number): Promise<Series> {
  return {
    name: 'streams',
    title: 'Streams on one tunnel',
    over: 'streams',
    metrics: [
      ...itemMetrics('stream'),
      PING_METRIC,
      { key: 'bulk', label: '320 MiB over all, 4 KiB writes', unit: 'ms/MiB', flat: { from: 1, factor: 1.5 } },
    ],
    points: await measurePoints(STREAM_COUNTS, rounds, measureStreams),
  };
}

async function measureStreams(count: number): Promise<Sample> {
  const weight = await weighStreams(count);
  const deployment = await Deployment.start('trunkline');
  await verify(deployment);
  await deployment.run('holdStreams', { count: WARM_UP_STREAMS });
  const open = await timeOpening(deployment, 'holdStreams', count);
  const { p50 } = await deployment.run('pingPong', { ms: PING_MS });
  await deployment.run('releaseAll', {});
  const bulk = { ...BULK, streams: count };
  await deployment.run('bulk', bulk);
  const { bytes, ms } = await deployment.run('bulk', bulk);
  await deployment.stop();
  return { open, ...weight, ping: p50, bulk: ms / (bytes / MIB) };
}

/** In processes of its own: memory that was freed before would be used first, and hide some of it. */
async function weighStreams(count: number): Promise<Sample> {
  const deployment = await Deployment.start('trunkline');
  await deployment.run('holdStreams', { count: WARM_UP_WEIGHT });
  const weight = await weigh(deployment, count, () => deployment.run('holdStreams', { count }));
  await deployment.stop();
  return weightFigures(count, weight);
}
