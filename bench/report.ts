import { formatGoal, isMet } from './goals.js';
import type { Metric, Sample, Scenario } from './scenarios/scenario.js';
import { median } from './statistics.js';
import { alignTable, figure } from './table.js';

/** Samples by round. */
export interface ScenarioSamples {
  trunkline: Sample[];
  'raw-ws': Sample[];
}

/** What a table says of a scenario. */
export type RowScenario = Pick<Scenario, 'name' | 'title' | 'metrics'>;

export interface Ratio {
  /** Of each round's own ratio: noise that hits a round hits both of its runs. */
  median: number;
  range: [number, number];
}

export interface Row {
  scenario: string;
  title: string;
  metric: Metric;
  trunkline: number;
  rawWs: number;
  /** Absent where it would say nothing. */
  ratio?: Ratio;
  /** Only with a goal. */
  met?: boolean;
}

export function toRows(scenario: RowScenario, samples: ScenarioSamples): Row[] {
  return scenario.metrics.map((metric) => {
    const ours = samples.trunkline.map((sample) => figureOf(sample, metric));
    const raw = samples['raw-ws'].map((sample) => figureOf(sample, metric));
    const ratio = toRatio(ours, raw);
    const trunkline = median(ours);
    return {
      scenario: scenario.name,
      title: scenario.title,
      metric,
      trunkline,
      rawWs: median(raw),
      ...(metric.compared !== false && { ratio }),
      ...(metric.goal && { met: isMet(metric.goal, { value: trunkline, ratio: ratio.median }) }),
    };
  });
}

function toRatio(ours: number[], raw: number[]): Ratio {
  const ratios = ours.map((value, round) => value / (raw[round] as number));
  return { median: median(ratios), range: [Math.min(...ratios), Math.max(...ratios)] };
}

export function formatRows(rows: readonly Row[]): string {
  const head = ['', '', 'trunkline', 'raw ws', '', 'ratio', 'rounds', 'better', 'goal', ''];
  const body = rows.map((row, index) => [
    rows[index - 1]?.scenario === row.scenario ? '' : row.title,
    row.metric.label,
    figure(row.trunkline, row.metric.decimals),
    figure(row.rawWs, row.metric.decimals),
    row.metric.unit,
    row.ratio ? `${figure(row.ratio.median)}x` : '',
    row.ratio ? row.ratio.range.map((value) => figure(value)).join('-') : '',
    row.metric.better,
    row.metric.goal ? formatGoal(row.metric.goal, row.metric.unit) : '',
    verdict(row),
  ]);
  return alignTable([head, ...body], new Set([2, 3, 5, 6]));
}

export function verdict({ met }: { met?: boolean }): string {
  if (met === undefined) return '';
  return met ? 'met' : 'missed';
}

function figureOf(sample: Sample, { key }: Metric): number {
  const value = sample[key];
  if (value === undefined) throw new Error(`a sample has no ${key}`);
  return value;
}
