/** The package as npm would publish it, installed in a project of its own outside this folder. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export interface PackedFile {
  path: string;
  mode: number;
}

export interface Packed {
  tarball: string;
  /** The packed package's files, as npm lists them. */
  files: PackedFile[];
  /** A project that has the package in its node_modules, and the sources of test/package/consumer. */
  project: string;
  /** The package inside that project. */
  folder: string;
  remove(): void;
}

export function pack(): Packed {
  const temporary = mkdtempSync(join(tmpdir(), 'trunkline-package-'));
  // Without scripts: `prepack` would build again what is being tested. Some versions of npm answer by package name.
  const args = ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', temporary];
  const answer = JSON.parse(execFileSync('npm', args, { encoding: 'utf8', shell: process.platform === 'win32' }));
  const [{ filename, files }] = Object.values(answer) as [{ filename: string; files: PackedFile[] }];

  const project = join(temporary, 'project');
  const modules = join(project, 'node_modules');
  const folder = join(modules, 'trunkline');
  cpSync('test/package/consumer', project, { recursive: true });
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['-xzf', join(temporary, filename), '-C', folder, '--strip-components=1']);

  // What `npm install trunkline` would bring, and the one thing a TypeScript user of Node streams has anyway.
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    const link = join(modules, name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(resolve('node_modules', name), link, 'junction');
  }

  return {
    tarball: join(temporary, filename),
    files,
    project,
    folder,
    remove: () => rmSync(temporary, { recursive: true, force: true }),
  };
}
