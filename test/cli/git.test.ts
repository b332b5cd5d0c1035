/** `git clone` from a `git daemon` behind a name, with a cut in the middle. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { buildCli } from './cli-process.js';
import { ForwardedService } from './forwarded-service.js';
import { areInstalled, INSTALL_LIMIT_MS, startServer } from './programs.js';

const MIB = 2 ** 20;
const FILES = 8;

const isHere = areInstalled(['git'], ['git']);
const run = promisify(execFile);

let daemon: Awaited<ReturnType<typeof startServer>>;
let folder: string;

checkLeaksAfterEach();
buildCli();
beforeAll(async () => {
  if (!isHere) return;
  folder = mkdtempSync(join(tmpdir(), 'trunkline-git-'));
  const args = (port: number) => [
    'daemon',
    '--export-all',
    '--verbose',
    '--listen=127.0.0.1',
    `--port=${port}`,
    `--base-path=${folder}`,
  ];
  daemon = await startServer('git', args, /Ready to rumble/);
}, INSTALL_LIMIT_MS);
afterAll(async () => {
  if (!isHere) return;
  await daemon.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Whatever the person who runs the tests has told git is none of its business. */
function git(args: string[], cwd = folder): Promise<{ stdout: string }> {
  const env = { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' };
  return run('git', args, { cwd, env });
}

/** Several MiB that cannot be made smaller, in a few commits. */
async function makeRepository(path: string): Promise<string> {
  mkdirSync(path);
  await git(['init', '--quiet'], path);
  for (let count = 0; count < FILES; count++) {
    writeFileSync(join(path, `file-${count}`), randomBytes(MIB));
    await git(['add', '.'], path);
    const author = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
    await git([...author, 'commit', '--quiet', '--message', `file ${count}`], path);
  }
  return (await git(['rev-parse', 'HEAD'], path)).stdout;
}

test.runIf(isHere)('a clone is whole, over two connections', { timeout: 120_000 }, async () => {
  const head = await makeRepository(join(folder, 'origin'));
  const service = await ForwardedService.start(daemon.port);
  const cloned = git(['clone', '--quiet', `git://127.0.0.1:${service.port}/origin`, 'clone']);
  await Promise.all([cloned, service.cutAfter((FILES / 2) * MIB)]);
  const clone = join(folder, 'clone');
  await git(['fsck', '--full', '--strict'], clone);
  expect((await git(['rev-parse', 'HEAD'], clone)).stdout).toBe(head);
  expect((await git(['status', '--porcelain'], clone)).stdout).toBe('');
  expect((await git(['rev-list', '--count', 'HEAD'], clone)).stdout).toBe(`${FILES}\n`);
  expect(await service.end()).toEqual({ codes: [0, 0], lost: [1, 1] });
});
