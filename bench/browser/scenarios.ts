import { ratioAtLeast } from '../goals.js';
import type { RowScenario, ScenarioSamples } from '../report.js';
import type { Metric } from '../scenarios/scenario.js';
import type { Direction, Visibility } from './protocol.js';

/** One stream between a page and Node. */
export interface BrowserScenario extends RowScenario {
  direction: Direction;
  /** Of the page's tab, throughout, as the page itself sees it. */
  visibility: Visibility;
}

export const DIRECTIONS: readonly Direction[] = ['page-to-node', 'node-to-page'];
/** In this order: a tab that is hidden stays so. */
export const VISIBILITIES: readonly Visibility[] = ['visible', 'hidden'];

const TITLES: Record<Direction, string> = { 'page-to-node': 'page to Node', 'node-to-page': 'Node to page' };

const METRICS: readonly Metric[] = [
  { key: 'rate', label: 'rate', unit: 'MiB/s', better: 'higher', goal: ratioAtLeast(0.85) },
  { key: 'page', label: 'CPU page', unit: 'ms/MiB', better: 'lower' },
  { key: 'browser', label: 'CPU rest of browser', unit: 'ms/MiB', better: 'lower' },
  { key: 'relay', label: 'CPU relay', unit: 'ms/MiB', better: 'lower' },
  { key: 'listener', label: 'CPU listener', unit: 'ms/MiB', better: 'lower' },
];

export const BROWSER_SCENARIOS: readonly BrowserScenario[] = VISIBILITIES.flatMap((visibility) =>
  DIRECTIONS.map((direction) => ({
    name: `${direction}-${visibility}`,
    title: `${TITLES[direction]}, ${visibility} tab, 64 KiB writes`,
    metrics: METRICS,
    direction,
    visibility,
  })),
);

/** Not every system tells what a browser uses. */
export function withKnownMetrics(scenario: BrowserScenario, samples: ScenarioSamples): BrowserScenario {
  const all = [...samples.trunkline, ...samples['raw-ws']];
  return { ...scenario, metrics: scenario.metrics.filter(({ key }) => all.some((sample) => key in sample)) };
}
