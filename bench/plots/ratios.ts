import type { Row } from '../report.js';
import { figure } from '../table.js';
import { COLORS } from './panels.js';
import type { Plot } from './svg.js';

const BAR_HEIGHT = 30;
const LEFT = 460;
const WIDTH = 920;
const TITLE = 'Times as good as raw ws (more is better)';
const INK = '#333';

/** How many times as good as raw ws each scenario's first compared figure is: more is better in all of them. */
export function ratiosPlot(rows: readonly Row[]): Plot {
  const bars = headlines(rows).map((row) => ({ label: `${row.title}: ${row.metric.label}`, times: timesAsGood(row) }));
  return {
    title: TITLE,
    width: WIDTH,
    height: bars.length * BAR_HEIGHT + 90,
    option: {
      title: {
        text: TITLE,
        left: 10,
        top: 8,
        textStyle: { fontSize: 13, fontWeight: 'bold', color: INK },
      },
      grid: { left: LEFT, right: 60, top: 40, bottom: 30 },
      xAxis: {
        type: 'log',
        // Bars begin at one: to the right it is better, to the left worse.
        min: 10 ** Math.floor(Math.log10(Math.min(1, ...bars.map(({ times }) => times)))),
        axisLabel: { color: INK, formatter: '{value}x' },
        splitLine: { lineStyle: { color: '#e4e4e4' } },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: bars.map(({ label }) => label),
        axisLabel: { color: INK, width: LEFT - 10, overflow: 'truncate' },
        axisTick: { show: false },
        axisLine: { onZero: true },
      },
      series: {
        type: 'bar',
        silent: true,
        barWidth: 16,
        data: bars.map(({ times }) => ({
          value: times,
          itemStyle: { color: COLORS[times >= 1 ? 0 : 1] as string },
          label: { show: true, position: times >= 1 ? 'right' : 'left', formatter: `${figure(times)}x`, color: INK },
        })),
        markLine: {
          silent: true,
          symbol: 'none',
          label: { show: false },
          lineStyle: { color: INK, type: 'solid', width: 1 },
          data: [{ xAxis: 1 }],
        },
      },
    },
  };
}

export function headlines(rows: readonly Row[]): Row[] {
  const compared = rows.filter(({ ratio }) => ratio !== undefined);
  return compared.filter(({ scenario }, index) => compared.findIndex((row) => row.scenario === scenario) === index);
}

export function timesAsGood({ metric, ratio }: Row): number {
  if (ratio === undefined) throw new Error(`${metric.label} has no ratio`);
  return metric.better === 'higher' ? ratio.median : 1 / ratio.median;
}
