import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSX = pathToFileURL(resolve(ROOT, 'node_modules/tsx/dist/esm/index.mjs')).href;
const LEAVE = pathToFileURL(resolve(ROOT, 'test/docs/leave-on-signal.ts')).href;
const PATIENCE_MS = 15_000;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Those that have not ended: what a test must not leave behind. */
const running = new Set<Program>();

/** A Node program in a process of its own, run from the sources: no build is needed, and `trunkline` means src/. */
export class Program {
  stdout = '';
  stderr = '';
  readonly exit: Promise<Exit>;
  private readonly child: ChildProcess;
  private hasEnded = false;
  private wake: () => void = () => {};

  constructor(file: string, args: string[] = [], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, ['--import', TSX, '--import', LEAVE, file, ...args], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'pipe'],
      // A test runner's own settings are none of the program's.
      env: { PATH: process.env.PATH, HOME: process.env.HOME, TSX_TSCONFIG_PATH: 'test/docs/tsconfig.run.json', ...env },
    });
    running.add(this);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.wake();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.wake();
    });
    this.exit = once(this.child, 'close').then(([code, signal]) => {
      this.hasEnded = true;
      running.delete(this);
      this.wake();
      return { code, signal };
    });
  }

  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1);
  }

  get isRunning(): boolean {
    return !this.hasEnded;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  write(text: string): void {
    this.child.stdin?.write(text);
  }

  closeStdin(): void {
    this.child.stdin?.end();
  }

  closeStdout(): void {
    this.child.stdout?.destroy();
  }

  /** Resolves with the match once a line of stdout matches; rejects when the program ends without one. */
  async line(pattern: RegExp, patienceMs = PATIENCE_MS): Promise<RegExpExecArray> {
    const giveUp = setTimeout(() => this.kill('SIGKILL'), patienceMs);
    try {
      for (;;) {
        for (const line of this.lines) {
          const match = pattern.exec(line);
          if (match) return match;
        }
        if (this.hasEnded) throw new Error(`ended without a line like ${pattern}:\n${this.stdout}${this.stderr}`);
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    } finally {
      clearTimeout(giveUp);
    }
  }

  /** Resolves when it has ended by itself; one that does not is killed, which shows. */
  async end(patienceMs = PATIENCE_MS): Promise<Exit> {
    const giveUp = setTimeout(() => this.kill('SIGKILL'), patienceMs);
    try {
      return await this.exit;
    } finally {
      clearTimeout(giveUp);
    }
  }

  /** Ends it as a program or a page that ends in order: whoever is connected to it learns of it. */
  async leave(): Promise<void> {
    // One that no program listens to by itself.
    this.kill('SIGUSR2');
    await this.end();
  }

  async stop(): Promise<void> {
    if (this.isRunning) this.kill('SIGKILL');
    await this.exit;
  }
}

/** Runs it to its end. */
export async function run(file: string, args: string[] = []): Promise<Exit & { stdout: string; stderr: string }> {
  const program = new Program(file, args);
  const { code, signal } = await program.end();
  return { code, signal, stdout: program.stdout, stderr: program.stderr };
}

/** Ends what is still running, and says how many that were: a test expects none. */
export async function stopAllPrograms(): Promise<number> {
  const left = [...running];
  await Promise.all(left.map((program) => program.stop()));
  return left.length;
}
