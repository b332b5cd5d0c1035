import type { Metric, Sample, Scenario } from './scenarios.js';
import { median } from './statistics.js';

/** Samples by round. */
export interface ScenarioSamples {
  trunkline: Sample[];
  'raw-ws': Sample[];
}

export interface Row {
  scenario: string;
  title: string;
  metric: Metric;
  trunkline: number;
  rawWs: number;
  /** Median of each round's own ratio: noise that hits a round hits both of its runs. */
  ratio: number;
  ratioRange: [number, number];
}

export function toRows(scenario: Scenario, samples: ScenarioSamples): Row[] {
  return scenario.metrics.map((metric) => {
    const ours = samples.trunkline.map((sample) => sample[metric.key] as number);
    const raw = samples['raw-ws'].map((sample) => sample[metric.key] as number);
    const ratios = ours.map((value, round) => value / (raw[round] as number));
    return {
      scenario: scenario.name,
      title: scenario.title,
      metric,
      trunkline: median(ours),
      rawWs: median(raw),
      ratio: median(ratios),
      ratioRange: [Math.min(...ratios), Math.max(...ratios)],
    };
  });
}

export function formatTable(rows: readonly Row[]): string {
  const head = ['', '', 'trunkline', 'raw ws', '', 'ratio', 'rounds', ''];
  const body = rows.map((row, index) => [
    rows[index - 1]?.scenario === row.scenario ? '' : row.title,
    row.metric.label,
    figure(row.trunkline),
    figure(row.rawWs),
    row.metric.unit,
    `${figure(row.ratio)}x`,
    `${figure(row.ratioRange[0])}-${figure(row.ratioRange[1])}`,
    row.metric.better === 'higher' ? 'higher is better' : 'lower is better',
  ]);
  return align([head, ...body], new Set([2, 3, 5, 6]));
}

/** Three digits: none of these is known better. */
function figure(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toFixed(Math.min(digits, 3));
}

function align(lines: string[][], right: ReadonlySet<number>): string {
  const widths = (lines[0] as string[]).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  const cell = (text: string, column: number) =>
    right.has(column) ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0);
  return lines.map((line) => line.map(cell).join('  ').trimEnd()).join('\n');
}
