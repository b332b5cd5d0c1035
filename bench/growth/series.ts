import type { Sample } from '../scenarios/scenario.js';
import { median } from '../statistics.js';

/** How something changes as there is more of it. */
export interface Series {
  name: string;
  title: string;
  /** Of what there is more from point to point. */
  over: string;
  metrics: readonly GrowthMetric[];
  points: readonly Point[];
}

export interface GrowthMetric {
  key: string;
  label: string;
  unit: string;
  /** Absent where nothing is expected to stay. */
  flat?: Flatness;
}

/** From this point on, the figure at the last one may be at most so many times the first. */
export interface Flatness {
  from: number;
  factor: number;
}

export interface Point {
  at: number;
  values: Sample;
}

/** How many times the figure of the flatness's first point the last one is. */
export function growthOf({ points }: Series, { key }: GrowthMetric, { from }: Flatness): number {
  const first = points.find(({ at }) => at === from)?.values[key];
  const last = points.at(-1)?.values[key];
  if (first === undefined || last === undefined) throw new Error(`there is no ${key} at ${from} and at the end`);
  return last / first;
}

/** Medians, figure by figure. */
export function toPoint(at: number, samples: readonly Sample[]): Point {
  const keys = Object.keys(samples[0] ?? {});
  const values = keys.map((key) => [key, median(samples.map((sample) => sample[key] as number))]);
  return { at, values: Object.fromEntries(values) };
}

/** The points are gone through round by round, so that a noisy minute does not hit one of them alone. */
export async function measurePoints(
  counts: readonly number[],
  rounds: number,
  measure: (count: number) => Promise<Sample>,
): Promise<Point[]> {
  const samples = new Map<number, Sample[]>(counts.map((count) => [count, []]));
  for (let round = 0; round < rounds; round++) {
    for (const count of counts) samples.get(count)?.push(await measure(count));
  }
  return counts.map((count) => toPoint(count, samples.get(count) as Sample[]));
}
