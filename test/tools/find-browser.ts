/**
 * Finds a Chromium that runs on this machine, so that `npm ci && npm test` needs no preparation.
 *
 *   TRUNKLINE_CHROMIUM → Playwright's own → PATH → usual places → Playwright's download → apt-get → an error
 *
 * The order goes from what the user asked for to what costs most. Each step is told on stderr. There is no "no browser,
 * no test" way out: browser tests that were skipped look exactly like browser tests that passed.
 *
 * Also runs by itself, to prepare a machine and to print the path: `npx tsx test/tools/find-browser.ts`
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';

const VARIABLE = 'TRUNKLINE_CHROMIUM';
const DOWNLOAD_LIMIT_MS = 180_000;
const APT_LIMIT_MS = 300_000;

const say = (text: string) => process.stderr.write(`[browser] ${text}\n`);

export async function findChromium(): Promise<string> {
  const wanted = process.env[VARIABLE];
  if (wanted) {
    // An explicit wish that fails must not fall through to some other browser.
    if (runs(wanted)) return found(wanted, VARIABLE);
    throw new Error(`${VARIABLE}=${wanted} does not run; unset it or point it to a Chromium executable`);
  }

  const own = chromium.executablePath();
  if (runs(own)) return found(own, "Playwright's own");
  say("Playwright's own Chromium: not there");

  const installed = findInstalled();
  if (installed) return found(installed, 'installed on this system');
  say('no Chromium, Chrome or Edge installed on this system');

  await run("Playwright's download", process.execPath, [playwrightCli(), 'install', 'chromium'], DOWNLOAD_LIMIT_MS);
  if (runs(own)) return found(own, "Playwright's download");

  if (process.getuid?.() === 0 && onPath('apt-get')) {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get update', 'apt-get', ['update', '-qq'], APT_LIMIT_MS, env);
    const args = ['install', '-y', '-qq', '--no-install-recommends', 'chromium'];
    await run('apt-get install chromium', 'apt-get', args, APT_LIMIT_MS, env);
    const packaged = findInstalled();
    if (packaged) return found(packaged, 'apt-get');
  }

  throw new Error(
    [
      'No Chromium found, and none could be installed. Any one of these helps:',
      `  1. ${VARIABLE}=/path/to/chrome npm test`,
      '  2. npx playwright install --with-deps chromium',
      "  3. install Chromium with the system's package manager (Debian: apt-get install chromium)",
    ].join('\n'),
  );
}

function found(path: string, how: string): string {
  say(`using ${path} (${how})`);
  return path;
}

function findInstalled(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'microsoft-edge'];
  const candidates = names.map(onPath).filter((path) => path !== undefined);
  if (process.platform === 'darwin') {
    for (const app of ['Google Chrome', 'Chromium', 'Microsoft Edge']) {
      candidates.push(`/Applications/${app}.app/Contents/MacOS/${app}`);
    }
  }
  if (process.platform === 'win32') {
    for (const root of [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA]) {
      if (!root) continue;
      candidates.push(join(root, 'Google/Chrome/Application/chrome.exe'));
      candidates.push(join(root, 'Microsoft/Edge/Application/msedge.exe'));
    }
  }
  return candidates.find((path) => !isSnap(path) && runs(path));
}

/** A snap sees neither /tmp nor our profile folder, and dies in ways that look like test failures. */
function isSnap(path: string): boolean {
  try {
    const real = realpathSync(path);
    if (real.includes('/snap')) return true;
    return statSync(real).size < 64 * 1024 && readFileSync(real, 'latin1').includes('/snap/bin/');
  } catch {
    return false;
  }
}

/** Being there is not enough: a download without its shared libraries is there too. */
function runs(path: string): boolean {
  if (!existsSync(path)) return false;
  // On Windows `chrome.exe --version` opens a window instead of answering.
  if (process.platform === 'win32') return true;
  const result = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 20_000 });
  return result.status === 0 && /chrom|edge/i.test(result.stdout);
}

function onPath(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

function playwrightCli(): string {
  return join(dirname(createRequire(import.meta.url).resolve('playwright/package.json')), 'cli.js');
}

/** Runs one installer to its end or its limit. It never throws: whether it helped is seen by trying the browser. */
function run(what: string, command: string, args: string[], limitMs: number, env = {}): Promise<void> {
  say(`trying ${what}, for at most ${limitMs / 1000} s`);
  return new Promise((resolve) => {
    // Installers start children of their own: a group of their own lets the time limit reach all of them.
    const detached = process.platform !== 'win32';
    const child = spawn(command, args, { detached, stdio: ['ignore', 2, 2], env: { ...process.env, ...env } });
    const limit = setTimeout(() => {
      say(`${what}: still not done, giving up on it`);
      if (detached && child.pid) process.kill(-child.pid, 'SIGKILL');
      else child.kill('SIGKILL');
    }, limitMs);
    const done = (outcome: string) => {
      clearTimeout(limit);
      say(`${what}: ${outcome}`);
      resolve();
    };
    child.once('error', (error) => done(error.message));
    child.once('exit', (code, signal) => done(code === 0 ? 'done' : `failed (${signal ?? `exit ${code}`})`));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(await findChromium());
  } catch (error) {
    say((error as Error).message);
    process.exitCode = 1;
  }
}
