import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { violations } from './import-rules.js';

function sources(): string[] {
  return ['src', 'relay', 'cli', 'browser', 'e2e', 'examples']
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => `${folder}/${name}`))
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.config.ts') && !path.includes('/node_modules/'));
}

test('every source file keeps to its room', () => {
  const paths = sources();
  expect(paths.length).toBeGreaterThan(5);
  expect(paths.flatMap((path) => violations(path, readFileSync(path, 'utf8')))).toEqual([]);
});

describe('the checker goes red for', () => {
  test.each([
    ['an import against the order of rooms', 'src/protocol/x.ts', `import { a } from '../core/a.js';`],
    ['a room reached around its neighbour', 'src/transport/x.ts', `export * from '../runtime/a.js';`],
    ['the relay using the sdk', 'relay/x.ts', `import { a } from '../src/sdk/a.js';`],
    ['the relay using the command line', 'relay/x.ts', `import { a } from '../cli/main.js';`],
    ['the command line using what users cannot', 'cli/x.ts', `import { a } from '../src/sdk/a.js';`],
    ['a type-only import', 'src/core/x.ts', `import type { A } from '../sdk/a.js';`],
    ['an import type', 'src/core/x.ts', `type A = import('../sdk/a.js').A;`],
    ['a dynamic import', 'src/core/x.ts', `const a = await import('../sdk/a.js');`],
    ['an import through the front door', 'src/sdk/x.ts', `import { a } from '../index.js';`],
    ['a missing extension', 'src/core/x.ts', `import { a } from './a';`],
    ['a second site that dials', 'src/transport/x.ts', `import WebSocket from 'isomorphic-ws';`],
    ['ws outside the upgrade', 'relay/relay.ts', `import { WebSocketServer } from 'ws';`],
    ['a second site with Node streams', 'src/sdk/x.ts', `import { Duplex } from 'node:stream';`],
    ['Node in the library', 'src/runtime/x.ts', `import { readFile } from 'node:fs';`],
    ['a package in the library', 'src/core/x.ts', `import _ from 'lodash';`],
    ['Node in a page', 'browser/demo/demo.ts', `import { readFile } from 'node:fs';`],
    ['an end-to-end test that looks inside', 'e2e/x.spec.ts', `import { a } from '../src/index.js';`],
    ['the time in a pure room', 'src/core/x.ts', 'const now = Date.now();'],
    ['another clock in a pure room', 'src/protocol/x.ts', 'const now = performance.now();'],
    ['chance in a pure room', 'src/core/x.ts', 'const id = Math.random();'],
    ['a promise in a pure room', 'src/core/x.ts', 'const a = new Promise(() => {});'],
    ['a timer in a pure room', 'src/core/x.ts', 'setTimeout(f, 1);'],
    ['a timer outside the clock', 'src/runtime/tunnel.ts', 'globalThis.setTimeout(f, 1);'],
    ['a file that does everything', 'src/sdk/x.ts', '\n'.repeat(600)],
    ['a file in no room', 'src/helpers/x.ts', ''],
  ])('%s', (_what, path, text) => {
    expect(violations(path, text)).toHaveLength(1);
  });
});

describe('the checker stays green for', () => {
  test.each([
    ['the rooms below', 'src/sdk/x.ts', `import { a } from '../runtime/a.js'; import { b } from './b.js';`],
    ['the one site that dials', 'src/transport/dial.ts', `import WebSocket from 'isomorphic-ws';`],
    ['the one site with Node streams', 'src/runtime/node-stream.ts', `export { Duplex } from 'node:stream';`],
    ['Node in the relay', 'relay/x.ts', `import { createServer } from 'node:http';`],
    ['the clock', 'src/runtime/clock.ts', 'setTimeout(f, 1);'],
    ['a clock handed in', 'src/runtime/x.ts', 'clock.setTimeout(f, 1);'],
    ['talk about time', 'src/core/x.ts', '/** Date.now() is forbidden here */ const a = "Date.now()";'],
  ])('%s', (_what, path, text) => {
    expect(violations(path, text)).toEqual([]);
  });
});
