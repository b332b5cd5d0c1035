import { readFile } from 'node:fs/promises';
import { MIN_SECRET_BYTES } from '../relay/json-web-tokens.js';
import { CommandError } from './command.js';
import { type Flags, quote, UsageError, type Values } from './flags.js';

/** For the relay, which checks tokens with it, and for whoever signs them. */
export const SECRET_FLAGS: Flags = {
  'auth-secret-file': {
    value: 'FILE',
    env: 'TRUNKLINE_AUTH_SECRET_FILE',
    oneOf: 'access',
    text: `the secret that tokens are signed with, at least ${MIN_SECRET_BYTES} bytes`,
  },
  'auth-secret': {
    value: 'TEXT',
    env: 'TRUNKLINE_AUTH_SECRET',
    oneOf: 'access',
    text: 'the same; on a command line, unlike in the variable or a file, others can read it (ps)',
  },
};

const REMEDY = 'openssl rand -base64 32 makes a good one';

/**
 * How to get the secret, which a file is not asked for before the command runs. Undefined where none is given.
 * @throws UsageError
 */
export function checkSecret({
  'auth-secret': text,
  'auth-secret-file': file,
}: Values): (() => Promise<string>) | undefined {
  if (file !== undefined)
    return async () => {
      const secret = await readLine(file);
      if (isLong(secret)) return secret;
      throw new CommandError(`the secret in ${quote(file)} must be at least ${MIN_SECRET_BYTES} bytes long: ${REMEDY}`);
    };
  if (text === undefined) return undefined;
  if (!isLong(text)) throw new UsageError(`--auth-secret must be at least ${MIN_SECRET_BYTES} bytes long: ${REMEDY}`);
  return async () => text;
}

function isLong(secret: string): boolean {
  return Buffer.byteLength(secret) >= MIN_SECRET_BYTES;
}

/** What a file says, without the end of its line. @throws CommandError when that is nothing; what the system says of the file */
export async function readLine(file: string): Promise<string> {
  const text = (await readFile(file, 'utf8')).replace(/[\r\n]+$/, '');
  if (text !== '') return text;
  throw new CommandError(`${quote(file)} is empty`);
}
