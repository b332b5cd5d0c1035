/** What is in the files a page loads, from the build's own records (dist/meta), and how large they are. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Metafile } from 'esbuild';
import { describe, expect, test } from 'vitest';

/** In bytes. A budget is raised on purpose, in the commit that needs it, never to make a test pass. */
const BUDGETS: Record<string, { size: number; gzip: number }> = {
  'trunkline.js': { size: 572_000, gzip: 120_000 },
  'trunkline.min.js': { size: 252_000, gzip: 78_500 },
  'trunkline.esm.js': { size: 252_000, gzip: 78_500 },
  'index.browser.js': { size: 252_000, gzip: 63_500 },
  'demo/demo.js': { size: 252_000, gzip: 78_000 },
};

const SELF_CONTAINED = ['trunkline', 'trunkline.min', 'trunkline.esm', 'demo'];
const IN_PAGES = [...SELF_CONTAINED, 'index.browser'];

function meta(name: string): Metafile {
  return JSON.parse(readFileSync(`dist/meta/${name}.json`, 'utf8'));
}

function inputs(name: string): string[] {
  return Object.keys(meta(name).inputs);
}

function remainingImports(name: string): string[] {
  const imports = Object.values(meta(name).outputs).flatMap((output) => output.imports);
  return [...new Set(imports.filter(({ external }) => external).map(({ path }) => path))].sort();
}

/** `@scope/name/file.js` and `name/` are files of a package. */
function packageOf(path: string): string {
  return path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');
}

describe.each(IN_PAGES)('%s', (name) => {
  test('has nothing of the relay, of ws or of Node in it', () => {
    expect(inputs(name).filter((path) => /^relay\/|node_modules\/ws\/|^node:|\(disabled\)/.test(path))).toEqual([]);
    expect(remainingImports(name).filter((path) => path.startsWith('node:'))).toEqual([]);
  });
});

test.each(SELF_CONTAINED)('%s needs nothing else', (name) => {
  expect(remainingImports(name)).toEqual([]);
});

test('index.browser leaves every package to the bundler, and names only real dependencies', () => {
  expect(inputs('index.browser').filter((path) => path.includes('node_modules'))).toEqual([]);
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  const needed = remainingImports('index.browser').map(packageOf);
  expect(needed.filter((name) => !(name in dependencies))).toEqual([]);
});

test.each(Object.entries(BUDGETS))('%s keeps to its budget', (file, budget) => {
  const bytes = readFileSync(`dist/${file}`);
  expect(bytes.length).toBeLessThanOrEqual(budget.size);
  expect(gzipSync(bytes, { level: 9 }).length).toBeLessThanOrEqual(budget.gzip);
});
