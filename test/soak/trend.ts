/** What a growing or a steady quantity looks like over a run. */
export interface Point {
  minutes: number;
  value: number;
}

export interface Trend {
  /** Per minute, by least squares. NaN for what has no slope: fewer than two moments. */
  slope: number;
  /** Of the slope: one that is not above two of these may be chance. NaN with fewer than three points. */
  standardError: number;
  points: number;
}

export function fitTrend(points: readonly Point[]): Trend {
  const meanMinutes = mean(points.map(({ minutes }) => minutes));
  const meanValue = mean(points.map(({ value }) => value));
  const spread = sum(points.map(({ minutes }) => (minutes - meanMinutes) ** 2));
  if (!(spread > 0)) return { slope: Number.NaN, standardError: Number.NaN, points: points.length };
  const slope = sum(points.map(({ minutes, value }) => (minutes - meanMinutes) * (value - meanValue))) / spread;
  const residuals = points.map(({ minutes, value }) => value - meanValue - slope * (minutes - meanMinutes));
  const freedom = points.length - 2;
  const variance = freedom > 0 ? sum(residuals.map((residual) => residual ** 2)) / freedom : Number.NaN;
  return { slope, standardError: Math.sqrt(variance / spread), points: points.length };
}

/** What caches, pools and optimized code take at first is no growth. */
export function afterWarmUp<T extends { minutes: number }>(samples: readonly T[], warmUpMinutes: number): T[] {
  return samples.filter(({ minutes }) => minutes >= warmUpMinutes);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
