/** Files with one line in them that has to be taken as it is: a secret, a token. */
import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { CommandError } from './command.js';
import { quote } from './flags.js';
import { describeError } from './notices.js';

/**
 * What a file says, without the end of its line.
 * @param maxBytes of the whole file
 * @throws CommandError, with the flag and the file in it
 */
export async function readLine(flag: string, file: string, maxBytes: number): Promise<string> {
  const what = `${flag} ${quote(file)}`;
  // No more than that: a device has no end.
  const bytes = await buffer(createReadStream(file, { end: maxBytes })).catch((error: unknown) => {
    throw new CommandError(`${what} cannot be read: ${systemFaultOf(error)}`);
  });
  if (bytes.length > maxBytes) throw new CommandError(`${what} must be at most ${maxBytes} bytes long`);
  const line = withoutLineEnd(decode(bytes) ?? '\ufffd');
  const fault = faultOf(line);
  if (fault !== undefined) throw new CommandError(`${what} ${fault}`);
  return line;
}

/** A file mostly ends with one, and so does a variable that was made from such a file. */
export function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}

/**
 * What keeps a line from being taken as it is, by everybody alike; it reads on behind the line's name. What is no UTF-8 was
 * replaced on its way here: very different secrets would then be the same.
 */
export function faultOf(line: string): string | undefined {
  if (line === '') return 'is empty';
  if (line.includes('\ufffd')) return 'is not valid UTF-8: it has to be a text, such as openssl rand -hex 32 prints';
  if (line.startsWith('\ufeff')) return 'begins with a byte order mark: save it as UTF-8 without one';
  if (line !== line.trim()) return 'has blanks or empty lines before or behind its text: take them out';
  return undefined;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** What the system says of a file, without the call and the path at its end: those who read it know the file. */
export function systemFaultOf(error: unknown): string {
  return describeError(error).replace(/, \w+(?: '.*')?$/, '');
}
