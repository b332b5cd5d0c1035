/**
 * Who may import what: the rooms of docs/architecture.md as a table, and a checker for it. The compiler already keeps the rooms apart
 * (project references), but it follows references of references, and knows nothing of "only this one file".
 */
import { dirname, posix } from 'node:path';
import ts from 'typescript';

/** A room (the longest matching path wins) and the rooms it may import besides itself. */
const ROOMS: Record<string, string[]> = {
  'src/protocol': [],
  'src/core': ['src/protocol'],
  'src/transport': ['src/protocol'],
  'src/node': ['src/transport', 'src/protocol'],
  'src/runtime': ['src/core', 'src/transport', 'src/node', 'src/protocol'],
  'src/sdk': ['src/runtime', 'src/core', 'src/protocol'],
  'src/sdk-node': ['src/sdk', 'src/runtime', 'src/core', 'src/node', 'src/transport', 'src/protocol'],
  'src/files': ['src/runtime', 'src/protocol'],
  'src/index.ts': ['src/sdk', 'src/files', 'src/runtime', 'src/core', 'src/protocol'],
  relay: ['src/core', 'src/protocol', 'src/runtime', 'src/transport', 'src/node'],
  cli: ['relay', 'src/index.ts'],
  browser: ['src/sdk', 'src/index.ts'],
  // It shows what the relay tells, and knows it by its types.
  'browser/status': ['relay'],
  // The demo server stands where a user of the package stands.
  'browser/demo/server.ts': ['relay', 'src/index.ts'],
  // These see the package by its name, as a user does; test/support breaks their network and kills their relay.
  e2e: ['test/tools', 'test/support'],
  examples: [],
};

/** What may come from outside (packages and Node), by file or folder. Everything else may import nothing from outside. */
const OUTSIDE: Record<string, RegExp> = {
  'src/transport/dial.ts': /^isomorphic-ws$/,
  'src/node': /^(ws$|https-proxy-agent$|proxy-from-env$|node:)/,
  'src/runtime/node-stream.ts': /^node:(stream|buffer|events)$/,
  'src/runtime/prove.ts': /^@noble\/hashes\//,
  'src/files/hasher.ts': /^node:crypto$/,
  'src/files/hasher.page.ts': /^@noble\/hashes\//,
  'src/files/path-source.ts': /^node:(fs|fs\/promises|path)$/,
  'src/files/path-destination.ts': /^node:(fs|fs\/promises|path)$/,
  'src/files/part-file.ts': /^node:(fs|fs\/promises)$/,
  'src/files/part-locks.ts': /^node:(crypto|fs\/promises|os|path)$/,
  'src/sdk-node': /^node:/,
  relay: /^node:/,
  'relay/upgrade.ts': /^(ws$|node:)/,
  'relay/metrics.ts': /^(prom-client$|node:)/,
  'relay/json-web-tokens.ts': /^jose$/,
  cli: /^(cli-progress$|node:)/,
  'browser/demo': /^@noble\/hashes\//,
  'browser/demo/server.ts': /^node:/,
  e2e: /./,
  examples: /./,
};

const TIMERS = ['setTimeout', 'setInterval', 'setImmediate'];

/** D1: what would bring time, chance or waiting into the pure rooms. */
const IMPURE = new Set([...TIMERS, 'queueMicrotask', 'Date', 'performance', 'Promise', 'Math.random']);
const TIMER_SITE = 'src/runtime/clock.ts';

const MAX_LINES = 500;

/** All that is wrong with one file, given its path from the project's root. Empty when nothing is. */
export function violations(path: string, text: string): string[] {
  const found: string[] = [];
  const say = (what: string) => found.push(`${path}: ${what}`);

  const room = longestMatch(path, ROOMS);
  if (!room) return [`${path}: is in no room`];
  if (isLibrary(path) && text.split('\n').length > MAX_LINES) say(`is longer than ${MAX_LINES} lines`);

  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  for (const specifier of specifiersOf(source)) {
    if (!specifier.startsWith('.')) {
      const allowed = longestMatch(path, OUTSIDE);
      if (!allowed || !OUTSIDE[allowed]?.test(specifier)) say(`must not import ${specifier}`);
      continue;
    }
    // Emitted declarations keep the specifier as it is written, and only `.js` is true there.
    if (!specifier.endsWith('.js')) say(`imports ${specifier}: write the .js extension`);
    const target = posix.join(dirname(path), specifier).replace(/\.js$/, '.ts');
    const targetRoom = longestMatch(target, ROOMS) ?? dirname(target);
    if (targetRoom !== room && !ROOMS[room]?.includes(targetRoom)) say(`${room} must not import ${targetRoom}`);
  }

  const isPure = room === 'src/protocol' || room === 'src/core';
  for (const name of namesOf(source)) {
    if (isPure && IMPURE.has(name)) say(`uses ${name}`);
    if (!isPure && path.startsWith('src/') && path !== TIMER_SITE && TIMERS.includes(name)) {
      say(`uses ${name}, which belongs in ${TIMER_SITE}`);
    }
  }
  return found;
}

function isLibrary(path: string): boolean {
  return /^(src|relay|cli|browser)\//.test(path);
}

function longestMatch(path: string, table: Record<string, unknown>): string | undefined {
  return Object.keys(table)
    .filter((key) => path === key || path.startsWith(`${key}/`))
    .sort((a, b) => b.length - a.length)[0];
}

function specifiersOf(source: ts.SourceFile): string[] {
  const found: string[] = [];
  visit(source, (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
    else if (ts.isExternalModuleReference(node)) add(node.expression);
  });
  return found;

  function add(node: ts.Node | undefined): void {
    if (node && ts.isStringLiteralLike(node)) found.push(node.text);
  }
}

/** Global names in use: `Date`, `setTimeout`, and `Math.random` as one. Names of properties are somebody's own. */
function namesOf(source: ts.SourceFile): Set<string> {
  const found = new Set<string>();
  visit(source, (node) => {
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
      const owner = node.expression.text;
      found.add(owner === 'globalThis' ? node.name.text : `${owner}.${node.name.text}`);
    } else if (ts.isIdentifier(node) && !isPropertyName(node)) {
      found.add(node.text);
    }
  });
  return found;
}

function isPropertyName(node: ts.Identifier): boolean {
  const { parent } = node;
  return (
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    ((ts.isPropertyAssignment(parent) || ts.isClassElement(parent) || ts.isTypeElement(parent)) && parent.name === node)
  );
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  ts.forEachChild(node, (child) => visit(child, look));
}
