/** What words and flags may say, for several commands. Each throws UsageError with one line. */
import { isName } from '../src/index.js';
import { type Flag, listOf, quote, UsageError } from './flags.js';

/** No relay waits longer unless it is told to. */
const MAX_WAIT_SECONDS = 120;

export const WAIT_FLAG: Flag = {
  value: 'SECONDS',
  default: '0',
  text: `how long to wait for somebody to listen, at most ${MAX_WAIT_SECONDS}`,
};

/** In milliseconds. */
export function checkWait(text = ''): number {
  return checkWholeNumber('--wait', text, MAX_WAIT_SECONDS) * 1000;
}

export function checkWholeNumber(flag: string, text: string, highest: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number <= highest) return number;
  throw new UsageError(`${flag} must be a whole number from 0 to ${highest}, not ${quote(text)}`);
}

const SECONDS_OF: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

const MAX_DURATION_DAYS = 3_650;

/** `90s`, `15m`, `1h`, `30d`; in seconds, at most ten years. */
export function checkDuration(flag: string, text = ''): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (SECONDS_OF[unit] ?? Number.NaN);
  if (seconds > MAX_DURATION_DAYS * 86_400)
    throw new UsageError(`${flag} must be at most ${MAX_DURATION_DAYS}d, ten years, not ${quote(text)}`);
  if (seconds > 0) return seconds;
  throw new UsageError(`${flag} must be a number above 0 and s, m, h or d, such as 15m, not ${quote(text)}`);
}

/** Names, in which `*` stands for any run of characters. Undefined where there are none. */
export function checkPatterns(flag: string, text: string | undefined): string[] | undefined {
  const patterns = listOf(text);
  const wrong = patterns.find((pattern) => !isName(pattern.replaceAll('*', 'x')));
  if (wrong !== undefined)
    throw new UsageError(`${flag} must be a name, or one with * for any characters, unlike ${quote(wrong)}`);
  return patterns.length === 0 ? undefined : patterns;
}

export function checkName(text = ''): string {
  if (isName(text)) return text;
  throw new UsageError(
    `${quote(text)} is not a name: 1 to 128 of A-Z a-z 0-9 . _ : @ ~ -, the first a letter or digit`,
  );
}

/** Undefined where nothing is said. */
export function checkMeta(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`--meta must be JSON, such as '{"user":"ann"}' or '"ann"', unlike ${quote(text)}`);
  }
}
