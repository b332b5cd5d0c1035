/** What words and flags may say, for several commands. Each throws UsageError with one line. */
import { isName } from '../src/index.js';
import { type Flag, quote, UsageError } from './flags.js';

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
