import { readFileSync, writeFileSync } from 'node:fs';
import type { Environment } from './environment.js';
import type { Series } from './growth/series.js';
import type { Row, ScenarioSamples } from './report.js';

/** What the documentation is made of. */
export const TABLE_FILE = 'bench/results/table.json';
export const GROWTH_FILE = 'bench/results/growth.json';

interface Run {
  when: string;
  environment: Environment;
  rounds: number;
  /** How many cores other programs used meanwhile. */
  foreignCores: number;
}

export interface TableResults extends Run {
  kind: 'table';
  rows: Row[];
  samples: Record<string, ScenarioSamples>;
}

export interface GrowthResults extends Run {
  kind: 'growth';
  series: Series[];
}

export type Results = TableResults | GrowthResults;

export function writeResults(file: string, results: Results): void {
  writeFileSync(file, `${JSON.stringify(results, shorten, 1)}\n`);
}

/** @throws Error if the file holds results of another kind */
export function readResults<Kind extends Results['kind']>(file: string, kind: Kind): Extract<Results, { kind: Kind }> {
  const results = JSON.parse(readFileSync(file, 'utf8')) as Results;
  if (results.kind !== kind) throw new Error(`${file} holds a ${results.kind}, not a ${kind}`);
  return results as Extract<Results, { kind: Kind }>;
}

/** Five digits are more than any of it is known to. */
function shorten(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}
