import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const PAGE_SCRIPT = inPackage('.cache/bench/browser-page.js');
/** What the page's `trunkline` is. */
export const TRUNKLINE_SCRIPT = inPackage('dist/trunkline.esm.js');

export async function buildPageScript(): Promise<void> {
  await build({
    entryPoints: [inPackage('bench/browser/page/main.ts')],
    outfile: PAGE_SCRIPT,
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    external: ['trunkline'],
    logLevel: 'warning',
  });
}

function inPackage(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
