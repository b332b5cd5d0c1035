import { MIN_SECRET_BYTES } from '../relay/json-web-tokens.js';
import { CommandError } from './command.js';
import { type Flags, quote, UsageError, type Values } from './flags.js';
import { faultOf, readLine, withoutLineEnd } from './text-file.js';

/** For the relay, which checks tokens with it, and for whoever signs them. */
export const SECRET_FLAGS: Flags = {
  'auth-secret-file': {
    value: 'FILE',
    env: 'TRUNKLINE_AUTH_SECRET_FILE',
    oneOf: 'access',
    isNeverEmpty: true,
    text: `the secret that tokens are signed with, at least ${MIN_SECRET_BYTES} bytes`,
  },
  'auth-secret': {
    value: 'TEXT',
    env: 'TRUNKLINE_AUTH_SECRET',
    oneOf: 'access',
    isNeverEmpty: true,
    text: 'the same; on a command line, unlike in the variable or a file, others can read it (ps)',
  },
};

const REMEDY = 'openssl rand -base64 32 makes a good one';
const MAX_SECRET_FILE_BYTES = 16 * 1024;

/**
 * How to get the secret, which a file is not asked for before the command runs. Undefined where none is given.
 * @throws UsageError
 */
export function checkSecret({
  'auth-secret': text,
  'auth-secret-file': file,
}: Values): (() => Promise<string>) | undefined {
  if (file !== undefined) return () => readSecret('--auth-secret-file', file);
  if (text === undefined) return undefined;
  const secret = withoutLineEnd(text);
  const fault = faultOf(secret) ?? faultOfSecret(secret);
  if (fault !== undefined) throw new UsageError(`--auth-secret ${fault}`);
  return async () => secret;
}

async function readSecret(flag: string, file: string): Promise<string> {
  const secret = await readLine(flag, file, MAX_SECRET_FILE_BYTES);
  const fault = faultOfSecret(secret);
  if (fault !== undefined) throw new CommandError(`${flag} ${quote(file)} ${fault}`);
  return secret;
}

function faultOfSecret(secret: string): string | undefined {
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES) return `must be at least ${MIN_SECRET_BYTES} bytes long: ${REMEDY}`;
  if (secret.startsWith('-----BEGIN')) return 'is a key in PEM: give public keys to the relay, with --jwks';
  return undefined;
}
