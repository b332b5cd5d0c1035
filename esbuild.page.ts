import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';

/** The sources import Node's names, at one place (src/runtime/node-stream.ts); a page gets the npm packages. */
const nodeStreamsInPages = { 'node:stream': 'readable-stream', 'node:buffer': 'buffer/', 'node:events': 'events/' };

/** Of a module that has a twin `NAME.page.ts` beside it a page gets the twin. */
const pageTwins: Plugin = {
  name: 'page-twins',
  setup({ onResolve }) {
    onResolve({ filter: /^\..*\.js$/ }, ({ path, resolveDir }) => {
      const twin = join(resolveDir, path.replace(/\.js$/, '.page.ts'));
      return existsSync(twin) ? { path: twin } : undefined;
    });
  },
};

/** What makes a bundle of the sources one for pages. */
export const forPages = {
  platform: 'browser',
  alias: nodeStreamsInPages,
  plugins: [pageTwins],
} as const satisfies BuildOptions;
