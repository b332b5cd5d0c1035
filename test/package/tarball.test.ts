import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Packed, pack } from './packed.js';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const { resolve } = createRequire(import.meta.url);
let packed: Packed;

beforeAll(() => {
  packed = pack();
});

afterAll(() => packed.remove());

test('holds what users need and nothing else', () => {
  const expected =
    /^(package\.json|README\.md|LICENSE|dist\/[\w.]+\.js(\.map)?|dist\/status\.html|dist\/chunks\/.+\.js(\.map)?|dist\/types\/(src|relay)\/.+\.d\.ts)$/;
  const paths = packed.files.map(({ path }) => path);
  expect(paths.filter((path) => !expected.test(path))).toEqual([]);
  expect(paths).toContain('LICENSE');
  expect(packed.tarball).toMatch(new RegExp(`trunkline-${manifest.version}\\.tgz$`));
});

test('every file that package.json names is there', () => {
  const targets = JSON.stringify([manifest.exports, manifest.bin, manifest.unpkg, manifest.jsdelivr]).match(
    /\.\/[^"]+/g,
  );
  const named = (targets ?? []).filter((path) => /^\.\/(dist\/|package)/.test(path));
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((path) => !existsSync(join(packed.folder, path)))).toEqual([]);
});

test('the command can be run and knows its version', () => {
  const cli = join(packed.folder, 'dist/cli.js');
  expect(readFileSync(cli, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  expect(packed.files.find(({ path }) => path === 'dist/cli.js')?.mode).toBe(0o755);
  expect(execFileSync(process.execPath, [cli, '--version'], { encoding: 'utf8' }).trim()).toBe(manifest.version);
});

test('publint has nothing to say', async () => {
  const tarball = readFileSync(packed.tarball);
  const { messages } = await publint({
    strict: true,
    pack: { tarball: tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.byteLength) },
  });
  expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
});

test('are the types wrong? no', () => {
  const attw = resolve('@arethetypeswrong/cli/package.json').replace('package.json', 'dist/index.js');
  // The two <script> files are not modules: they have a global, and no types to be wrong.
  const args = [packed.tarball, '--profile', 'esm-only', '--no-emoji', '--no-color'];
  const skipped = ['--exclude-entrypoints', 'trunkline.js', 'trunkline.min.js'];
  const result = spawnSync(process.execPath, [attw, ...args, ...skipped], { encoding: 'utf8' });
  expect(result.status, result.stdout + result.stderr).toBe(0);
});

test.each(['tsconfig.node.json', 'tsconfig.page.json'])('a user type-checks against it: %s', (config) => {
  const args = [resolve('typescript/bin/tsc'), '-p', join(packed.project, config)];
  const result = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(result.stdout).toBe('');
  expect(result.status).toBe(0);
});

test('Node loads every entry', () => {
  const script = `await import('trunkline'); await import('trunkline/node'); await import('trunkline/relay')`;
  const args = ['--input-type=module', '--eval', script];
  const result = spawnSync(process.execPath, args, { cwd: packed.project, encoding: 'utf8' });
  expect(result.stderr).toBe('');
  expect(result.status).toBe(0);
});

async function bundleForPages(specifier: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '${specifier}'`, resolveDir: packed.project },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles.map(({ text }) => text).join('\n');
}

test.each(['trunkline', 'trunkline/browser'])('a bundler takes %s into a page', async (specifier) => {
  expect(await bundleForPages(specifier)).not.toMatch(/from\s*["']/);
});

test.each(['trunkline/node', 'trunkline/relay'])('a bundler refuses %s in a page', async (specifier) => {
  await expect(bundleForPages(specifier)).rejects.toThrow(`Could not resolve "${specifier}"`);
});
