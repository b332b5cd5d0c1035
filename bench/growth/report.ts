import { alignTable, figure } from '../table.js';
import { type GrowthMetric, growthOf, type Series } from './series.js';

/** Head and lines: a column for each metric, a line for each point, and how flat each column is below. */
export function seriesLines(series: Series): string[][] {
  const head = [series.over, ...series.metrics.map(({ label, unit }) => `${label} (${unit})`)];
  const points = series.points.map(({ at, values }) => [
    at.toLocaleString('en'),
    ...series.metrics.map(({ key }) => (values[key] === undefined ? '' : figure(values[key]))),
  ]);
  const isAnyFlat = series.metrics.some(({ flat }) => flat);
  return [
    head,
    ...points,
    ...(isAnyFlat ? [['growth', ...series.metrics.map((metric) => growth(series, metric))]] : []),
  ];
}

export function formatSeries(series: Series): string {
  const lines = seriesLines(series);
  const right = new Set((lines[0] as string[]).keys());
  return `${series.title}\n${alignTable(lines, right)}`;
}

function growth(series: Series, metric: GrowthMetric): string {
  if (metric.flat === undefined) return '';
  const { from, factor } = metric.flat;
  const times = growthOf(series, metric, metric.flat);
  return `${figure(times)}x from ${from.toLocaleString('en')}: ${times <= factor ? 'flat' : 'not flat'}`;
}
