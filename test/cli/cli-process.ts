import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';

const PATIENCE_MS = 30_000;
/** One for each test file: those run at the same time. Two folders below package.json, whose version it tells. */
const BUNDLE = `.cache/cli/${process.pid}.mjs`;

const running = new Set<CliProcess>();
process.on('exit', () => {
  for (const one of running) one.kill('SIGKILL');
});

/**
 * Builds the command line of today's sources for this file's tests, and expects none of them to leave a process behind.
 * Behind the leak check in a file, so that it looks before that does.
 */
export function buildCli(): void {
  // Several processes a test: a busy machine takes its time to start them.
  vi.setConfig({ testTimeout: 60_000 });
  beforeAll(async () => {
    const common = {
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'warning',
    } as const;
    await build({ ...common, entryPoints: ['cli/bin.ts'], outfile: BUNDLE });
  });
  afterEach(async () => {
    const left = [...running].map(({ what }) => what);
    for (const one of running) one.kill('SIGKILL');
    await Promise.all([...running].map(({ exit }) => exit));
    expect(left, 'processes left running').toEqual([]);
  });
  afterAll(() => rmSync(BUNDLE));
}

export interface CliOptions {
  env?: Record<string, string>;
  /** Default: pipes. Others than pipes make `stdin` and `stdout` unusable. */
  stdio?: StdioOptions;
  /** A command of a shell, in which "$@" is the command line. */
  shell?: string;
}

/** One `trunkline` command in a process of its own. */
export class CliProcess {
  /** All of it so far. */
  stderr = '';
  /** The code, or the signal that ended it. */
  readonly exit: Promise<number | NodeJS.Signals>;
  readonly what: string;
  private readonly child: ChildProcess;
  private readonly lines: string[] = [];
  private hasEnded = false;
  private wake: () => void = () => {};

  constructor(args: string[], { env = {}, stdio = 'pipe', shell }: CliOptions = {}) {
    this.what = `trunkline ${args.join(' ')}`;
    const command = [process.execPath, BUNDLE, ...args];
    const [file = '', ...rest] = shell === undefined ? command : ['sh', '-c', shell, 'sh', ...command];
    // A test runner's own settings are none of the command's.
    this.child = spawn(file, rest, { stdio, env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env } });
    running.add(this);
    this.child.stdin?.on('error', () => {});
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.wake();
    });
    this.exit = once(this.child, 'close').then(([code, signal]) => {
      this.hasEnded = true;
      running.delete(this);
      this.wake();
      return code ?? signal;
    });
  }

  get stdin(): Writable {
    return this.child.stdin as Writable;
  }

  /** Nobody reads it until the test does. */
  get stdout(): Readable {
    return this.child.stdout as Readable;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** For one that goes on until it is told to stop. */
  async end(): Promise<void> {
    this.kill('SIGTERM');
    await this.exit;
  }

  /** Reads standard output to its end. */
  output(): Promise<Buffer> {
    return buffer(this.stdout);
  }

  /** Resolves with the match once standard error does match. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return this.waitFor(pattern, () => this.stderr);
  }

  /** Resolves with the match once a line of standard output matches. From then on nobody else can read it. */
  prints(pattern: RegExp): Promise<RegExpExecArray> {
    if (this.stdout.listenerCount('data') === 0) {
      this.stdout.setEncoding('utf8').on('data', (text: string) => {
        this.lines.push(text);
        this.wake();
      });
    }
    return this.waitFor(pattern, () => this.lines.join(''));
  }

  private async waitFor(pattern: RegExp, text: () => string): Promise<RegExpExecArray> {
    const giveUp = setTimeout(() => this.kill('SIGKILL'), PATIENCE_MS);
    try {
      for (;;) {
        const match = pattern.exec(text());
        if (match) return match;
        if (this.hasEnded) throw new Error(`${this.what} ended without ${pattern}: ${text()}${this.stderr}`);
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    } finally {
      clearTimeout(giveUp);
    }
  }
}

/** Runs a command to its end, with this on its standard input. */
export async function runCli(
  args: string[],
  input: string | Buffer = '',
  options?: CliOptions,
): Promise<{ code: number | NodeJS.Signals; stdout: string; stderr: string }> {
  const cli = new CliProcess(args, options);
  cli.stdin.end(input);
  const [output, code] = await Promise.all([cli.output(), cli.exit]);
  return { code, stdout: String(output), stderr: cli.stderr };
}
