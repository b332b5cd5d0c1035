/**
 * Everything the package ships except its types (those are `npm run types`):
 *
 *   dist/index.js           Node          packages stay imports
 *   dist/node.js  relay.js  cli.js   Node  share chunks with index.js, so there is one class of each kind in a process
 *   dist/index.browser.js   bundlers      packages stay imports, Node's stream modules become their npm twins
 *   dist/trunkline.esm.js   pages         self-contained, <script type="module">
 *   dist/trunkline[.min].js pages         self-contained, <script>, global `trunkline`
 *   dist/status.html        the relay's status page, with its script and style in it
 *   dist/demo*              the demo's server and page; not published
 *   dist/meta/*.json        what went into which file, for the tests in test/package; not published
 */
import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build } from 'esbuild';
import { forPages } from './esbuild.page.js';
import { buildStatusPage } from './esbuild.status.js';

const common = { bundle: true, target: 'es2022', sourcemap: true, metafile: true, logLevel: 'warning' } as const;

const page: BuildOptions = { ...common, ...forPages };

const builds: Record<string, BuildOptions> = {
  node: {
    ...common,
    entryPoints: {
      index: 'src/index.ts',
      node: 'src/sdk-node/index.ts',
      relay: 'relay/index.ts',
      cli: 'cli/bin.ts',
      'demo-server': 'browser/demo/server.ts',
    },
    outdir: 'dist',
    format: 'esm',
    platform: 'node',
    packages: 'external',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
  },
  'index.browser': {
    ...page,
    entryPoints: ['src/index.ts'],
    outfile: 'dist/index.browser.js',
    format: 'esm',
    packages: 'external',
  },
  'trunkline.esm': {
    ...page,
    entryPoints: ['browser/esm.ts'],
    outfile: 'dist/trunkline.esm.js',
    format: 'esm',
    minify: true,
  },
  trunkline: {
    ...page,
    entryPoints: ['browser/global.ts'],
    outfile: 'dist/trunkline.js',
    format: 'iife',
    globalName: 'trunkline',
  },
  'trunkline.min': {
    ...page,
    entryPoints: ['browser/global.ts'],
    outfile: 'dist/trunkline.min.js',
    format: 'iife',
    globalName: 'trunkline',
    minify: true,
  },
  demo: {
    ...page,
    entryPoints: ['browser/demo/demo.ts'],
    outfile: 'dist/demo/demo.js',
    format: 'esm',
    minify: true,
  },
  'demo-style': {
    ...common,
    entryPoints: ['browser/demo/demo.css'],
    outfile: 'dist/demo/demo.css',
    minify: true,
    sourcemap: false,
  },
};

await cleanDist();
await mkdir('dist/meta', { recursive: true });
for (const [name, options] of Object.entries(builds)) {
  const { metafile } = await build(options);
  await writeFile(`dist/meta/${name}.json`, JSON.stringify(metafile));
}
await writeFile('dist/meta/status.json', JSON.stringify(await buildStatusPage('dist/status.html')));
await copyDemoPage();
await chmod('dist/cli.js', 0o755);
await printSizes([
  'index.browser.js',
  'trunkline.js',
  'trunkline.min.js',
  'trunkline.esm.js',
  'status.html',
  'demo/demo.js',
]);

/** Leaves the types alone: `tsc -b` knows which of them are stale, and starting from nothing costs seconds. */
async function cleanDist(): Promise<void> {
  for (const entry of await readdir('dist').catch(() => [])) {
    if (entry !== 'types') await rm(join('dist', entry), { recursive: true });
  }
}

async function copyDemoPage(): Promise<void> {
  const skip = /\.(ts|css)$|tsconfig/;
  await cp('browser/demo', 'dist/demo', { recursive: true, filter: (source) => !skip.test(source) });
}

async function printSizes(files: string[]): Promise<void> {
  const kb = (bytes: number) => `${(bytes / 1024).toFixed(1)} KB`.padStart(10);
  console.log(`${'bundle'.padEnd(20)}${'size'.padStart(10)}${'gzip'.padStart(10)}`);
  for (const file of files) {
    const bytes = await readFile(`dist/${file}`);
    console.log(`${file.padEnd(20)}${kb(bytes.length)}${kb(gzipSync(bytes, { level: 9 }).length)}`);
  }
}
