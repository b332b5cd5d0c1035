import type { Deployment } from '../deployment.js';
import type { Goal } from '../goals.js';

export const MIB = 1024 * 1024;
export const KIB = 1024;

export interface Metric {
  /** Key in a sample. */
  key: string;
  label: string;
  unit: string;
  better: 'higher' | 'lower';
  goal?: Goal;
  /** Where three digits are not enough. */
  decimals?: number;
  /** False: a ratio to raw ws would say nothing, as of something near zero. */
  compared?: boolean;
}

/** What one run of a scenario measured, by metric. */
export type Sample = Record<string, number>;

export interface Scenario {
  name: string;
  title: string;
  metrics: readonly Metric[];
  /** Each run leaves its processes as nobody else would want them, or wants them new: it gets processes of its own. */
  isolated?: boolean;
  /** The most that one of its processes holds at once. */
  sockets?: number;
  /** Not counted: makes the code hot and finds out how much fits a run. Its answer is handed to each `run`. */
  warmUp(deployment: Deployment): Promise<number>;
  run(deployment: Deployment, scale: number): Promise<Sample>;
}
