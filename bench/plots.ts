/** Draws what `npm run bench` measured: bench/results/*.json to docs/performance/*.svg. Run by `npm run bench:plots`. */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { growthPlot } from './plots/growth.js';
import { ratiosPlot } from './plots/ratios.js';
import { renderSvg } from './plots/svg.js';
import { GROWTH_FILE, type GrowthResults, readResults, TABLE_FILE, type TableResults } from './results.js';

const DIRECTORY = 'docs/performance';

/** Text by file. */
export function drawPlots(table: TableResults, growth: GrowthResults): Record<string, string> {
  const plots = [
    ['ratios', ratiosPlot(table.rows)] as const,
    ...growth.series.map((series) => [series.name, growthPlot(series)] as const),
  ];
  return Object.fromEntries(plots.map(([name, plot]) => [`${DIRECTORY}/${name}.svg`, renderSvg(plot)]));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const plots = drawPlots(readResults(TABLE_FILE, 'table'), readResults(GROWTH_FILE, 'growth'));
  for (const [file, svg] of Object.entries(plots)) writeFileSync(file, svg);
}
