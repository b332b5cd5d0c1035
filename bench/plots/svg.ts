import { type EChartsOption, init } from 'echarts';

export interface Plot {
  /** For those who cannot see it. */
  title: string;
  width: number;
  height: number;
  option: EChartsOption;
}

/** Without quotes: the renderer would not escape them. */
const FONT = 'system-ui, -apple-system, Helvetica, Arial, sans-serif';

/** The same data gives the same text, in whatever order plots are made. */
export function renderSvg({ title, width, height, option }: Plot): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({ animation: false, backgroundColor: '#fff', textStyle: { fontFamily: FONT }, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${withoutInteraction(svg).replace('>', `>\n<title>${title}</title>`)}\n`;
}

/** Styles of a pointer above it, and names that count the charts made so far. A picture has no use for either. */
function withoutInteraction(svg: string): string {
  return svg
    .replaceAll(/<style[\s\S]*?<\/style>/g, '')
    .replaceAll(/ (class|pointer-events|ecmeta_\w+)="[^"]*"/g, '')
    .replaceAll(/\bzr\d+-/g, 'zr-')
    .replaceAll(/\n\s*\n/g, '\n')
    .trim();
}
