import { execFileSync } from 'node:child_process';
import { findChromium } from '../../test/tools/find-browser.js';

export interface Browser {
  executable: string;
  /** Name and version, as it calls itself. */
  version: string;
}

/** @throws Error in words for the command line, if there is no Chromium and none can be installed */
export async function findBrowser(): Promise<Browser> {
  const executable = await findChromium();
  return { executable, version: versionOf(executable) };
}

function versionOf(executable: string): string {
  // There it opens a window instead of answering.
  if (process.platform === 'win32') return 'Chromium';
  const text = execFileSync(executable, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  // Who built it may follow.
  return /^.*?\d[\d.]*/.exec(text)?.[0] ?? text.trim();
}
