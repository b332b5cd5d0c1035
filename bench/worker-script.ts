import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Inside the package, so that `trunkline` in it is the built package. */
export const WORKER_SCRIPT = fileURLToPath(new URL('../.cache/bench/worker.mjs', import.meta.url));

/** Workers run plain JavaScript: a TypeScript loader in the measured process would be measured with it. */
export async function buildWorkerScript(): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL('worker.ts', import.meta.url))],
    outfile: WORKER_SCRIPT,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'es2022',
    packages: 'external',
    logLevel: 'warning',
  });
}
