export interface Latencies {
  count: number;
  p50: number;
  p99: number;
}

export function toLatencies(samplesMs: number[]): Latencies {
  const sorted = samplesMs.toSorted((a, b) => a - b);
  return { count: sorted.length, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

export function median(samples: number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const upper = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? at(sorted, upper) : (at(sorted, upper - 1) + at(sorted, upper)) / 2;
}

function quantile(sorted: number[], share: number): number {
  return at(sorted, Math.min(sorted.length - 1, Math.floor(share * sorted.length)));
}

function at(samples: number[], index: number): number {
  const sample = samples[index];
  if (sample === undefined) throw new RangeError('there are no samples');
  return sample;
}
