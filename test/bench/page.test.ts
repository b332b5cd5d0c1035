/** docs/performance.md and its plots say what the committed results say; nobody types a figure. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BROWSER_SCENARIOS } from '../../bench/browser/scenarios.js';
import { fillSections, toSections } from '../../bench/markdown.js';
import { headlines, timesAsGood } from '../../bench/plots/ratios.js';
import { drawPlots } from '../../bench/plots.js';
import type { RowScenario } from '../../bench/report.js';
import { GROWTH_FILE, readResults, TABLE_FILE } from '../../bench/results.js';
import { ALL_SCENARIOS } from '../../bench/scenarios.js';

const table = readResults(TABLE_FILE, 'table');
const growth = readResults(GROWTH_FILE, 'growth');
/** Where there is no browser (--no-browser), all of these are missing. */
const hasPage = table.rows.some(({ scenario }) => BROWSER_SCENARIOS.some(({ name }) => name === scenario));
const page = readFileSync('docs/performance.md', 'utf8');

function figuresOf(scenarios: readonly RowScenario[]) {
  const figures = scenarios.flatMap(({ name, metrics }) => metrics.map((metric) => ({ scenario: name, metric })));
  return JSON.parse(JSON.stringify(figures));
}

describe('the committed results', () => {
  test('are of every scenario and figure there is, each with its goal', () => {
    const measured = table.rows.map(({ scenario, metric }) => ({ scenario, metric }));
    expect(measured).toEqual(figuresOf([...ALL_SCENARIOS, ...(hasPage ? BROWSER_SCENARIOS : [])]));
  });

  test('say which browser had the page, if one had', () => {
    expect(table.environment.browser !== undefined).toBe(hasPage);
  });

  test('are of the kind that is asked for', () => {
    expect(() => readResults(TABLE_FILE, 'growth')).toThrow('holds a table, not a growth');
  });
});

describe('the page', () => {
  test('has the tables of the results (npm run bench:page)', () => {
    expect(fillSections(page, toSections(table, growth))).toBe(page);
  });

  test('shows every plot, as drawn from the results (npm run bench:plots)', () => {
    const plots = drawPlots(table, growth);
    expect(Object.keys(plots).length).toBe(4);
    for (const [file, svg] of Object.entries(plots)) {
      expect(readFileSync(file, 'utf8'), file).toBe(svg);
      expect(page).toContain(`](${file.slice('docs/'.length)})`);
    }
  });
});

test('a plot is well-formed, and has nothing that a picture cannot use', () => {
  for (const [file, svg] of Object.entries(drawPlots(table, growth))) {
    const tags = svg.match(/<[^>]*>/g) ?? [];
    expect(tags.length, file).toBeGreaterThan(20);
    const tag = /^<(\/\w+|\w+( [\w:-]+="[^"<>&]*")* ?\/?)>$/;
    expect(
      tags.filter((text) => !tag.test(text)),
      file,
    ).toEqual([]);
    expect(svg, file).not.toMatch(/<style|<script|zr\d/);
  }
});

describe('filling in', () => {
  const marks = 'a\n<!-- figures: x -->\nold\n<!-- end of x -->\nb';

  test('replaces what is between the marks, and can be done again', () => {
    const filled = fillSections(marks, { x: 'new' });
    expect(filled).toBe('a\n<!-- figures: x -->\n\nnew\n\n<!-- end of x -->\nb');
    expect(fillSections(filled, { x: 'new' })).toBe(filled);
  });

  test('misses nothing', () => {
    expect(() => fillSections(marks, {})).toThrow('the mark of x has no section');
    expect(() => fillSections(marks, { x: '', y: '' })).toThrow('the page has no mark for y');
    expect(() => fillSections(marks.replace('end of x', 'end of y'), { x: '' })).toThrow('the end of y');
  });
});

test('a bar is longer the better the figure is, whichever way that goes', () => {
  const ofScenario = (name: string) => headlines(table.rows).find(({ scenario }) => scenario === name);
  const [rate, time] = [ofScenario('bulk-64k'), ofScenario('open-at-once')];
  if (rate?.ratio === undefined || time?.ratio === undefined) throw new Error('both are in the results');
  expect(timesAsGood(rate)).toBe(rate.ratio.median);
  expect(timesAsGood(time)).toBe(1 / time.ratio.median);
});
