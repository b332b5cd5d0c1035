import type { CarrierName } from '../carriers/carrier.js';
import { median } from '../statistics.js';
import type { Direction, Visibility } from './protocol.js';

export interface BrowserMetric {
  key: 'rate' | 'page' | 'browser' | 'relay' | 'endpoint';
  label: string;
  unit: 'MiB/s' | 'ms/MiB';
  better: 'higher' | 'lower';
}

export const METRICS: readonly BrowserMetric[] = [
  { key: 'rate', label: 'rate', unit: 'MiB/s', better: 'higher' },
  { key: 'page', label: 'CPU page', unit: 'ms/MiB', better: 'lower' },
  { key: 'browser', label: 'CPU rest of browser', unit: 'ms/MiB', better: 'lower' },
  { key: 'relay', label: 'CPU relay', unit: 'ms/MiB', better: 'lower' },
  { key: 'endpoint', label: 'CPU Node endpoint', unit: 'ms/MiB', better: 'lower' },
];

/** Undefined: the system does not tell. */
export type BrowserSample = Record<BrowserMetric['key'], number | undefined>;

/** What was measured, by round. */
export interface BrowserSamples {
  direction: Direction;
  /** As the page itself saw it throughout. */
  visibility: Visibility;
  rounds: Record<CarrierName, BrowserSample[]>;
}

export interface BrowserRow {
  direction: Direction;
  visibility: Visibility;
  title: string;
  metric: BrowserMetric;
  trunkline: number;
  rawWs: number;
  /** Median of each round's own ratio: noise that hits a round hits both of its runs. */
  ratio: number;
  ratioRange: [number, number];
}

const DIRECTIONS: Record<Direction, string> = { 'page-to-node': 'page -> Node', 'node-to-page': 'Node -> page' };

export function toRows({ direction, visibility, rounds }: BrowserSamples): BrowserRow[] {
  return METRICS.flatMap((metric) => {
    const ours = rounds.trunkline.map((sample) => sample[metric.key]).filter(isKnown);
    const raw = rounds['raw-ws'].map((sample) => sample[metric.key]).filter(isKnown);
    if (ours.length === 0) return [];
    const ratios = ours.map((value, round) => value / (raw[round] as number));
    return {
      direction,
      visibility,
      title: `${DIRECTIONS[direction]}, 64 KiB writes, ${visibility} tab`,
      metric,
      trunkline: median(ours),
      rawWs: median(raw),
      ratio: median(ratios),
      ratioRange: [Math.min(...ratios), Math.max(...ratios)] as [number, number],
    };
  });
}

function isKnown(value: number | undefined): value is number {
  return value !== undefined;
}
