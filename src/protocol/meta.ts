import { TrunklineError } from './errors.js';
import { encodeUtf8 } from './utf8.js';

/** What an application says of a stream when it opens or accepts it: any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Deeper than any sane meta, and far from what makes a recursive JSON writer overflow the stack. */
const MAX_DEPTH = 64;

/**
 * Checks meta at the call, where the mistake is, and returns what the other side will see: a copy that went through
 * JSON, so later changes by the caller are not seen and what JSON drops is dropped on both sides alike.
 * `undefined` stands for "no meta" and becomes null.
 *
 * @throws TrunklineError LIMIT_BYTES when it is over `maxBytes` of UTF-8 JSON text
 * @throws TypeError when it is no JSON value (a function, a BigInt, a cycle)
 */
export function normalizeMeta(meta: unknown, maxBytes: number): Json {
  if (meta === undefined) return null;
  const text = toJsonText(meta);
  const bytes = encodeUtf8(text).length;
  if (bytes > maxBytes && text !== 'null')
    throw new TrunklineError('LIMIT_BYTES', `meta is ${bytes} bytes of JSON, over the limit of ${maxBytes}`);
  const copy = JSON.parse(text) as Json;
  if (isDeeperThan(copy, MAX_DEPTH))
    throw new TrunklineError('LIMIT_BYTES', `meta is nested deeper than ${MAX_DEPTH} levels`);
  return copy;
}

function toJsonText(meta: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(meta);
  } catch (cause) {
    throw new TypeError(`meta is not a JSON value: ${(cause as Error).message}`, { cause });
  }
  if (text === undefined) throw new TypeError(`meta is not a JSON value but a ${typeof meta}`);
  return text;
}

/** Meta from the wire: already JSON; only its size and depth are in question. Null is no meta, and always within. */
export function isMetaWithin(meta: Json, maxBytes: number): boolean {
  if (meta === null) return true;
  return !isDeeperThan(meta, MAX_DEPTH) && encodeUtf8(JSON.stringify(meta)).length <= maxBytes;
}

function isDeeperThan(value: Json, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const child of Array.isArray(value) ? value : Object.values(value)) {
    if (isDeeperThan(child, levels - 1)) return true;
  }
  return false;
}
