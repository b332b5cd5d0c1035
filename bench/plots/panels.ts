import type {
  GridComponentOption,
  LineSeriesOption,
  TitleComponentOption,
  XAXisComponentOption,
  YAXisComponentOption,
} from 'echarts';
import type { Series } from '../growth/series.js';
import type { Plot } from './svg.js';

/** One small chart: figures of a series that share a scale. */
export interface Panel {
  title: string;
  lines: readonly { key: string; name: string }[];
  /** Also upwards; else it starts at zero, where flat can be seen to be flat. */
  logarithmic?: boolean;
}

export const COLORS = ['#2563a8', '#c2571a'];
const COLUMNS = 2;
const PANEL = { width: 410, height: 230 };
const INSET = { left: 52, right: 26, top: 46, bottom: 44 };
const INK = '#333';
const GRID_LINE = { lineStyle: { color: '#e4e4e4' } };

/** Panels beside and below each other, over the same points. */
export function panelsPlot(series: Series, panels: readonly Panel[], columns = COLUMNS): Plot {
  const places = panels.map((panel, index) => ({
    panel,
    index,
    left: (index % columns) * PANEL.width,
    top: Math.floor(index / columns) * PANEL.height,
  }));
  return {
    title: series.title,
    width: Math.min(columns, panels.length) * PANEL.width,
    height: Math.ceil(panels.length / columns) * PANEL.height,
    option: {
      title: places.map(titleOf),
      grid: places.map(gridOf),
      xAxis: places.map(({ index }) => xAxis(series, index)),
      yAxis: places.map(({ panel, index }) => yAxis(panel, index)),
      series: places.flatMap(({ panel, index }) => linesOf(series, panel, index)),
    },
  };
}

interface Place {
  panel: Panel;
  left: number;
  top: number;
}

function titleOf({ panel, left, top }: Place): TitleComponentOption {
  return {
    text: panel.title,
    left: left + INSET.left - 5,
    top: top + 8,
    textStyle: { fontSize: 13, fontWeight: 'bold', color: INK },
  };
}

function gridOf({ left, top }: Place): GridComponentOption {
  return {
    left: left + INSET.left,
    top: top + INSET.top,
    width: PANEL.width - INSET.left - INSET.right,
    height: PANEL.height - INSET.top - INSET.bottom,
  };
}

function xAxis(series: Series, gridIndex: number): XAXisComponentOption {
  return {
    gridIndex,
    type: 'category',
    boundaryGap: false,
    data: series.points.map(({ at }) => at.toLocaleString('en')),
    name: series.over,
    nameLocation: 'middle',
    nameGap: 26,
    nameTextStyle: { color: INK },
    axisLabel: { color: INK, interval: 0 },
  };
}

function yAxis({ logarithmic = false }: Panel, gridIndex: number): YAXisComponentOption {
  const common = { gridIndex, axisLabel: { color: INK }, splitLine: GRID_LINE };
  return logarithmic ? { ...common, type: 'log' } : { ...common, type: 'value', min: 0, splitNumber: 4 };
}

function linesOf({ points }: Series, { lines }: Panel, panelIndex: number): LineSeriesOption[] {
  return lines.map(({ key, name }, index) => {
    const color = COLORS[index % COLORS.length] as string;
    return {
      type: 'line',
      silent: true,
      xAxisIndex: panelIndex,
      yAxisIndex: panelIndex,
      data: points.map(({ values }) => values[key] ?? null),
      color,
      symbol: 'circle',
      symbolSize: 6,
      lineStyle: { width: 2 },
      // Beside the last point, by turns below and above the line: no legend to look up.
      endLabel: {
        show: lines.length > 1,
        formatter: name,
        color,
        align: 'right',
        offset: [0, index % 2 === 0 ? 14 : -12],
      },
    };
  });
}
