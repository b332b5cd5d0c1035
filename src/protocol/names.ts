import { TrunklineError } from './errors.js';

export const MAX_NAME_LENGTH = 128;

/** ASCII only, so length in characters is length in bytes. Case-sensitive. PROTOCOL.md section 8. */
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._:@~-]{0,127}$/;

export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME_PATTERN.test(value);
}

/** @throws TrunklineError BAD_NAME */
export function assertName(value: unknown): asserts value is string {
  if (isName(value)) return;
  throw new TrunklineError('BAD_NAME', `${describe(value)} is not a name: ${GRAMMAR}`);
}

const GRAMMAR = `1 to ${MAX_NAME_LENGTH} of A-Z a-z 0-9 . _ : @ ~ -, the first a letter or digit`;

function describe(value: unknown): string {
  if (typeof value !== 'string') return `a ${value === null ? 'null' : typeof value}`;
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}

const PATTERN = /^[A-Za-z0-9._:@~*-]{1,128}$/;

/** What names can be watched by: a name in which `*` stands for any run of characters. */
export function isNamePattern(value: unknown): value is string {
  return typeof value === 'string' && PATTERN.test(value);
}
