/** The self-contained ESM bundle: `import { connectTunnel } from '.../trunkline.esm.js'` in a page. */
export * from '../src/index.js';
