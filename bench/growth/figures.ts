import type { Deployment } from '../deployment.js';
import type { Sample } from '../scenarios/scenario.js';
import type { Weight } from '../weighing.js';
import type { GrowthMetric } from './series.js';

/** Below, what the process does meanwhile weighs more than what is weighed. */
const WEIGHED_FROM = 1000;
const FACTOR = 1.5;
const OPENED_AT_LEAST = 200;

export const PING_METRIC: GrowthMetric = {
  key: 'ping',
  label: 'ping of one more stream, p50',
  unit: 'ms',
  flat: { from: 1, factor: FACTOR },
};

/** @param item in the singular */
export function itemMetrics(item: string): GrowthMetric[] {
  return [
    { key: 'open', label: `open, per ${item}`, unit: 'ms', flat: { from: 100, factor: FACTOR } },
    {
      key: 'heap',
      label: `relay heap, per ${item}`,
      unit: 'KiB',
      flat: { from: WEIGHED_FROM, factor: FACTOR },
    },
    { key: 'rss', label: `relay RSS, per ${item}`, unit: 'KiB', flat: { from: WEIGHED_FROM, factor: FACTOR } },
  ];
}

export function weightFigures(count: number, weight: Weight): Sample {
  return count >= WEIGHED_FROM ? weight : {};
}

/** Milliseconds for each; few are opened again and again until there are enough to measure. They stay open. */
export async function timeOpening(
  deployment: Deployment,
  command: 'holdStreams' | 'holdTunnels',
  count: number,
): Promise<number> {
  const times = Math.ceil(OPENED_AT_LEAST / count);
  let sumMs = 0;
  for (let time = 0; time < times; time++) {
    await deployment.run('releaseAll', {});
    sumMs += (await deployment.run(command, { count })).ms;
  }
  return sumMs / times / count;
}
