import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';

/** Inside the package, so that `trunkline` in it is the built package. */
export const WORKER_SCRIPT = inPackage('.cache/bench/browser-worker.mjs');
export const PAGE_SCRIPT = inPackage('.cache/bench/browser-page.js');
/** What the page's `trunkline` is. */
export const TRUNKLINE_SCRIPT = inPackage('dist/trunkline.esm.js');

const common: BuildOptions = { bundle: true, format: 'esm', target: 'es2022', logLevel: 'warning' };

/** Both run plain JavaScript: a TypeScript loader in a measured process would be measured with it. */
export async function buildBundles(): Promise<void> {
  await build({
    ...common,
    entryPoints: [inPackage('bench/browser/worker.ts')],
    outfile: WORKER_SCRIPT,
    platform: 'node',
    packages: 'external',
  });
  await build({
    ...common,
    entryPoints: [inPackage('bench/browser/page/main.ts')],
    outfile: PAGE_SCRIPT,
    platform: 'browser',
    external: ['trunkline'],
  });
}

function inPackage(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
