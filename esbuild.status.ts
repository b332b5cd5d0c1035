import { readFile, writeFile } from 'node:fs/promises';
import { build, type Metafile } from 'esbuild';

/** One file, so that the relay can name what may run in it by its hashes, and forbid all else. */
export async function buildStatusPage(outfile: string): Promise<Metafile> {
  const { outputFiles, metafile } = await build({
    entryPoints: ['browser/status/status.ts', 'browser/status/status.css'],
    bundle: true,
    target: 'es2022',
    platform: 'browser',
    format: 'iife',
    minify: true,
    metafile: true,
    write: false,
    outdir: 'dist',
    logLevel: 'warning',
  });
  const textOf = (file: string) => outputFiles.find(({ path }) => path.endsWith(file))?.text.trim() ?? '';
  const page = await readFile('browser/status/index.html', 'utf8');
  const html = page
    .replace('<link rel="stylesheet" href="status.css">', () => `<style>${textOf('status.css')}</style>`)
    .replace('<script src="status.js"></script>', () => `<script>${textOf('status.js')}</script>`);
  await writeFile(outfile, html);
  return metafile;
}
