import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countAsOwn } from '../own-cpu.js';
import { chromiumCpuMs } from './chromium-cpu.js';

const STOP_TIMEOUT_MS = 5000;
/** What ends this process from outside. Chromium, in a group of its own, would not hear of it. */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const STDERR_TAIL_CHARACTERS = 2000;

/** No `--remote-debugging-port` among them: what a driver attaches to a page slows it down. */
const ARGUMENTS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-popup-blocking',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-sync',
  '--disable-breakpad',
];

export interface ChromiumOptions {
  executable: string;
  url: string;
  extraArguments?: readonly string[];
  /** Called when it exits by itself. */
  onGone: (error: Error) => void;
}

/** A Chromium with a profile of its own, spawned as a user's shell would. */
export class Chromium {
  private readonly endCounting = countAsOwn(() => {
    const { renderer, rest } = chromiumCpuMs(this.pid) ?? { renderer: 0, rest: 0 };
    return renderer + rest;
  });
  private readonly interrupted = (signal: NodeJS.Signals) => {
    this.signal('SIGKILL');
    rmSync(this.userDataDirectory, { recursive: true, force: true, maxRetries: 5 });
    this.ignoreSignals();
    process.kill(process.pid, signal);
  };

  private constructor(
    private readonly browser: ChildProcess,
    readonly userDataDirectory: string,
  ) {
    for (const signal of ENDING_SIGNALS) process.on(signal, this.interrupted);
  }

  static async start({ executable, url, extraArguments = [], onGone }: ChromiumOptions): Promise<Chromium> {
    const directory = await mkdtemp(join(tmpdir(), 'trunkline-bench-chromium-'));
    // A group of its own: its many processes end together.
    const browser = spawn(executable, [...ARGUMENTS, ...extraArguments, `--user-data-dir=${directory}`, url], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let tail = '';
    browser.stderr.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-STDERR_TAIL_CHARACTERS);
    });
    browser.once('error', onGone);
    browser.once('exit', (code, signal) => onGone(new Error(`Chromium exited (${code ?? signal}): ${tail}`)));
    return new Chromium(browser, directory);
  }

  get pid(): number {
    return this.browser.pid as number;
  }

  async stop(): Promise<void> {
    const closed = once(this.browser, 'close');
    await this.endCounting();
    if (this.browser.exitCode === null && this.browser.signalCode === null) {
      const limit = setTimeout(() => this.signal('SIGKILL'), STOP_TIMEOUT_MS);
      this.signal('SIGTERM');
      await closed;
      clearTimeout(limit);
    }
    this.signal('SIGKILL');
    this.ignoreSignals();
    await rm(this.userDataDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  private ignoreSignals(): void {
    for (const signal of ENDING_SIGNALS) process.off(signal, this.interrupted);
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.browser.pid === undefined) return;
    try {
      process.kill(-this.browser.pid, signal);
    } catch (error) {
      // The group is gone already.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
