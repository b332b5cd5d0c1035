const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 120;
const HEIGHT = 32;
/** So many fill it; of more, all are in it, and closer together. */
const FEW_POINTS = 30;

/** The newest value at the right edge, the largest at the top. */
export function drawLine(svg: Element, values: readonly number[]): void {
  const largest = Math.max(...values, 1);
  const step = WIDTH / Math.max(FEW_POINTS, values.length - 1);
  const points = values.map((value, index) => {
    const x = (WIDTH - (values.length - 1 - index) * step).toFixed(1);
    return `${x},${(HEIGHT - 1 - (value / largest) * (HEIGHT - 3)).toFixed(1)}`;
  });
  const first = (WIDTH - Math.max(0, values.length - 1) * step).toFixed(1);
  shapeOf(svg, 'polygon').setAttribute('points', [`${first},${HEIGHT}`, ...points, `${WIDTH},${HEIGHT}`].join(' '));
  shapeOf(svg, 'polyline').setAttribute('points', points.join(' '));
}

function shapeOf(svg: Element, kind: 'polygon' | 'polyline'): Element {
  const present = svg.querySelector(kind);
  return present ?? svg.appendChild(document.createElementNS(SVG, kind));
}
