import type { Series } from '../growth/series.js';
import { type Panel, panelsPlot } from './panels.js';
import type { Plot } from './svg.js';

const MEMORY = [
  { key: 'rss', name: 'RSS' },
  { key: 'heap', name: 'JavaScript' },
];

const PANELS: Record<string, readonly Panel[]> = {
  streams: [
    { title: 'Open and echo, per stream (ms)', lines: [{ key: 'open', name: 'open' }] },
    { title: 'Memory of the relay, per stream (KiB)', lines: MEMORY },
    { title: 'Ping while all others idle, p50 (ms)', lines: [{ key: 'ping', name: 'ping' }] },
    { title: 'The same bytes over all streams (ms per MiB)', lines: [{ key: 'bulk', name: 'bulk' }] },
  ],
  tunnels: [
    { title: 'Open, with a stream and its echo (ms)', lines: [{ key: 'open', name: 'open' }] },
    { title: 'Memory of the relay, per tunnel (KiB)', lines: MEMORY },
    { title: 'Ping while all others idle, p50 (ms)', lines: [{ key: 'ping', name: 'ping' }] },
  ],
  writes: [
    {
      title: 'Throughput of one stream (MiB/s)',
      lines: [
        { key: 'trunkline', name: 'trunkline' },
        { key: 'rawWs', name: 'raw ws' },
      ],
      logarithmic: true,
    },
    { title: 'Times raw ws', lines: [{ key: 'ratio', name: 'ratio' }], logarithmic: true },
  ],
};

export function growthPlot(series: Series): Plot {
  const panels = PANELS[series.name];
  if (panels === undefined) throw new Error(`there is no plot of ${series.name}`);
  return panelsPlot(series, panels);
}
