import type { Deployment } from './deployment.js';
import { KIB } from './scenarios/scenario.js';

/** KiB for each. */
export type Weight = Record<'rss' | 'heap', number>;

/** What the relay needs for each of what is held, after a collection before and after. */
export async function weigh(deployment: Deployment, count: number, hold: () => Promise<unknown>): Promise<Weight> {
  const before = await deployment.usage('relay', true);
  await hold();
  const after = await deployment.usage('relay', true);
  const each = (key: 'rssBytes' | 'heapBytes') => (after[key] - before[key]) / KIB / count;
  return { rss: each('rssBytes'), heap: each('heapBytes') };
}
