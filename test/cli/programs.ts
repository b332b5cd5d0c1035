// Programs of others that tests talk to: found, or installed with the system's package manager, and run.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { listenOnFreePort } from '../support/free-port.js';

const APT_LIMIT_MS = 300_000;
export const INSTALL_LIMIT_MS = 2 * APT_LIMIT_MS;

const say = (text: string) => process.stderr.write(`[programs] ${text}\n`);

/**
 * Whether the programs are there, after an attempt to install them. False only where that cannot be tried (no apt-get, or
 * not root), with a printed reason: an attempt that failed is thrown, since skipped tests look like tests that passed.
 */
export function areInstalled(programs: string[], packages: string[]): boolean {
  const missing = () => programs.filter((program) => !runs(program));
  if (missing().length === 0) return true;
  if (process.getuid?.() !== 0 || !runs('apt-get')) {
    say(`skipped: ${missing().join(', ')} not installed, and no apt-get here that may install ${packages.join(', ')}`);
    return false;
  }
  say(`installing ${packages.join(', ')}`);
  // Lists may be old, which is no harm, or none at all, which the next step tells.
  apt('update', '-qq');
  const { status, stderr } = apt('install', '-y', '-qq', '--no-install-recommends', ...packages);
  const left = missing();
  if (left.length > 0) throw new Error(`apt-get install ${packages.join(' ')} (${status}) left ${left} out: ${stderr}`);
  return true;
}

function apt(...args: string[]) {
  // Another test may be at it.
  return spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=200', ...args], {
    encoding: 'utf8',
    timeout: APT_LIMIT_MS,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

function runs(program: string): boolean {
  return spawnSync(program, ['--version'], { timeout: 20_000 }).error === undefined;
}

/** A server on a free port; resolves once it says, on either output, that it is ready. */
export async function startServer(
  program: string,
  args: (port: number) => string[],
  ready: RegExp,
): Promise<{ port: number; stop: () => Promise<void> }> {
  const probe = createServer();
  const port = await listenOnFreePort(probe);
  await once(probe.close(), 'close');
  // A group of its own: some leave the work to children, and those are to end as well.
  const child = spawn(program, args(port), { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const closed = once(child, 'close');
  const kill = () => process.kill(-(child.pid as number), 'SIGKILL');
  process.once('exit', kill);
  await waitFor(child, ready);
  return {
    port,
    async stop() {
      process.off('exit', kill);
      kill();
      await closed;
    },
  };
}

function waitFor(child: ChildProcess, ready: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (ready.test(output)) resolve();
      });
    }
    child.once('error', reject);
    child.once('close', () => reject(new Error(`${child.spawnfile} ended: ${output}`)));
  });
}
