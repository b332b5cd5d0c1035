/** What is told on standard error: never on standard output, which belongs to the data. */
import { TrunklineError } from '../src/index.js';

export function say(text: string): void {
  console.error(`trunkline: ${text}`);
}

/** @param what it happened to, where that is not the command itself */
export function sayError(error: unknown, what?: string): void {
  say(what === undefined ? describeError(error) : `${what}: ${describeError(error)}`);
}

/** `CODE: message`, on one line. An error of the application at the other end has a code of its own, behind it. */
export function describeError(error: unknown): string {
  const { code, message = '' } = error as { code?: unknown; message?: string };
  const text = oneLine(message);
  if (typeof code !== 'string') return text || oneLine(String(error));
  if (error instanceof TrunklineError) {
    return `${code}: ${text}${error.appCode === undefined ? '' : ` (${oneLine(error.appCode)})`}`;
  }
  // Node's own texts have the code in them, at one place or another.
  const words = text.split(' ').filter((word) => word !== code && word !== `${code}:`);
  return `${code}: ${words.join(' ')}`;
}

/** Some of it comes from the other end: it must not steer a terminal. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
}
