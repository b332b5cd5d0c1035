import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, chromium, type Page } from '@playwright/test';

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--remote-debugging-port=0',
];

/**
 * Chromium as people have it. The one that Playwright launches keeps every tab visible and focused, never freezes one,
 * and has no back/forward cache; this one has real tabs in one window: all but the one in front are hidden.
 */
export class UserBrowser {
  private constructor(
    private readonly child: ChildProcess,
    private readonly profile: string,
    private readonly browser: Browser,
  ) {}

  static async start(): Promise<UserBrowser> {
    const profile = await mkdtemp(join(tmpdir(), 'trunkline-browser-'));
    const executable = process.env.TRUNKLINE_CHROMIUM ?? chromium.executablePath();
    const child = spawn(executable, [...ARGUMENTS, `--user-data-dir=${profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    process.once('exit', () => child.kill('SIGKILL'));
    // Without Playwright's defaults, one of which is that the page always believes to be in front.
    const browser = await chromium.connectOverCDP(await debuggingUrl(child), { noDefaults: true });
    return new UserBrowser(child, profile, browser);
  }

  /** A tab, in front of all others. */
  async openTab(url = 'about:blank'): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto(url);
    await page.bringToFront();
    return page;
  }

  /** What the browser itself does to a tab that nobody has looked at for long, and when somebody does again. */
  async setLifecycle(page: Page, state: 'frozen' | 'active'): Promise<void> {
    const session = await this.context.newCDPSession(page);
    await session.send('Page.setWebLifecycleState', { state });
    await session.detach();
  }

  async close(): Promise<void> {
    await this.browser.close();
    const exited = once(this.child, 'exit');
    this.child.kill();
    await exited;
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }

  private get context() {
    return this.browser.contexts()[0]!;
  }
}

function debuggingUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`Chromium ended with ${code}`)));
    createInterface({ input: child.stderr! }).on('line', (line) => {
      const url = /ws:\/\/\S+/.exec(line)?.[0];
      if (url) resolve(url);
    });
  });
}
