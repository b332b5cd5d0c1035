/** What a relay of the command line tells its operator while it runs: one line for each event, on standard error. */
import type { RelayLogger } from '../relay/index.js';
import { type Flag, quote, UsageError } from './flags.js';
import { oneLine } from './notices.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const OFF = 'off';

export const LOG_FLAG: Flag = {
  value: 'LEVEL',
  default: 'warn',
  env: 'TRUNKLINE_LOG',
  text: `what is told on standard error: ${[...LEVELS, OFF].join(', ')}, each with what is worse`,
};

/** Undefined: nothing is to be told. @throws UsageError */
export function checkLogger(text = ''): RelayLogger | undefined {
  if (text === OFF) return undefined;
  const level = LEVELS.find((each) => each === text);
  if (level === undefined) throw new UsageError(`--log must be ${LEVELS.join(', ')} or ${OFF}, not ${quote(text)}`);
  return createLogger(level);
}

/** @param write is given a line without its end */
export function createLogger(
  lowest: (typeof LEVELS)[number],
  write: (line: string) => void = (line) => console.error(line),
  now: () => Date = () => new Date(),
): RelayLogger {
  const teller = (level: (typeof LEVELS)[number]) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(lowest)) return () => {};
    return (fields: object, message: string) => write(lineOf(now(), level, fields, message));
  };
  return { debug: teller('debug'), info: teller('info'), warn: teller('warn'), error: teller('error') };
}

/** `2030-01-31T12:00:00.000Z warn tunnel closed tunnel=7 remoteAddress=192.0.2.1 code=LIMIT_RATE` */
function lineOf(at: Date, level: string, fields: object, message: string): string {
  const said = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${textOf(value)}`],
  );
  return oneLine([at.toISOString(), level, message, ...said].join(' '));
}

/** In quotes where it could be taken for something else. */
function textOf(value: unknown): string {
  return typeof value === 'string' && /^[\w.:@~/+-]+$/.test(value) ? value : JSON.stringify(value);
}
