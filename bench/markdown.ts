import { formatEnvironment } from './environment.js';
import { formatGoal } from './goals.js';
import { seriesLines } from './growth/report.js';
import { type Row, verdict } from './report.js';
import type { GrowthResults, Results, TableResults } from './results.js';
import { figure } from './table.js';

/** What goes between `<!-- figures: NAME -->` and `<!-- end of NAME -->`, by name. */
export function toSections(table: TableResults, growth: GrowthResults): Record<string, string> {
  return {
    table: `${runText(table)}\n\n${markdownTable(rowLines(table.rows))}`,
    growth: runText(growth),
    ...Object.fromEntries(growth.series.map((series) => [series.name, markdownTable(seriesLines(series))])),
  };
}

/** @throws Error for a mark without a section or without an end, and for a section without a mark */
export function fillSections(page: string, sections: Record<string, string>): string {
  const left = new Set(Object.keys(sections));
  const filled = page.replaceAll(/<!-- figures: (\S+) -->[\s\S]*?<!-- end of (\S+) -->/g, (_all, name, end) => {
    if (!left.delete(name) || end !== name) throw new Error(`the mark of ${name} has no section, or the end of ${end}`);
    return `<!-- figures: ${name} -->\n\n${sections[name]}\n\n<!-- end of ${name} -->`;
  });
  if (left.size > 0) throw new Error(`the page has no mark for ${[...left].join(', ')}`);
  return filled;
}

export function markdownTable([head = [], ...body]: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...body.map(line)].join('\n');
}

function rowLines(rows: readonly Row[]): string[][] {
  const head = ['scenario', 'figure', 'Trunkline', 'raw ws', 'ratio', 'goal', ''];
  return [head, ...rows.map((row, index) => cellsOf(row, rows[index - 1]))];
}

function cellsOf(row: Row, previous: Row | undefined): string[] {
  const { metric, ratio } = row;
  const unit = metric.unit === '' ? '' : ` ${metric.unit}`;
  return [
    previous?.scenario === row.scenario ? '' : row.title,
    metric.label,
    `${figure(row.trunkline, metric.decimals)}${unit}`,
    `${figure(row.rawWs, metric.decimals)}${unit}`,
    ratio ? `${figure(ratio.median)}x` : '',
    metric.goal ? formatGoal(metric.goal, metric.unit).replace('>=', '≥').replace('<=', '≤') : '',
    verdict(row),
  ];
}

function runText({ when, environment, rounds, foreignCores }: Results): string {
  return (
    `Measured ${when.slice(0, 10)}: ${formatEnvironment(environment)}; medians of ${rounds} rounds. ` +
    `Other programs used ${foreignCores.toFixed(2)} cores meanwhile.`
  );
}
