import { expect } from 'vitest';
import { mergeData, type WireFrame } from './wire.js';

export type Bound = Map<string, string>;

const ID = /^[0-9a-f]{32}$/;

/**
 * Frames of one stream come in the order given; between streams any order will do, except that GOAWAY is last of all.
 * What a pattern does not mention is free.
 */
export function expectFrames(actual: readonly WireFrame[], patterns: readonly WireFrame[], bound: Bound): void {
  const goaway = actual.findIndex(({ type }) => type === 'GOAWAY');
  if (goaway !== -1) expect(goaway, 'nothing may follow GOAWAY').toBe(actual.length - 1);
  const merged = byStream(mergeData(actual));
  const wanted = byStream(patterns);
  // One comparison of everything: a failure then shows all that came and all that should have.
  const found = merged.map((frame, index) => project(frame, wanted[index], bound));
  expect(found).toEqual(wanted.map((pattern) => resolve(pattern, bound)));
}

function byStream(frames: readonly WireFrame[]): WireFrame[] {
  return frames.toSorted((left, right) => left.id - right.id);
}

/** The part of `value` that `pattern` speaks of; everything where they are not of a kind. Binds `$names`. */
export function project(value: unknown, pattern: unknown, bound: Bound): unknown {
  if (typeof pattern === 'string' && pattern.startsWith('$')) {
    if (!bound.has(pattern) && typeof value === 'string' && ID.test(value)) bound.set(pattern, value);
    return value;
  }
  if (!isRecord(value) || !isRecord(pattern)) return value;
  if (pattern.type !== value.type) return value;
  const known = { ...value, ...derived(value, pattern) };
  return Object.fromEntries(
    Object.keys(pattern)
      .filter((key) => key in known)
      .map((key) => [key, project(known[key], pattern[key], bound)]),
  );
}

/** What a pattern may say of a value that the value does not say itself: `length` of a long payload, what is `absent`. */
function derived(value: Record<string, unknown>, pattern: Record<string, unknown>): Record<string, unknown> {
  return {
    ...('length' in pattern ? { length: String(value.payload).length / 2 } : {}),
    ...(Array.isArray(pattern.absent) ? { absent: pattern.absent.filter((key) => !(key in value)) } : {}),
  };
}

export function resolve(pattern: unknown, bound: Bound): unknown {
  if (typeof pattern === 'string') return bound.get(pattern) ?? pattern;
  if (!isRecord(pattern)) return pattern;
  return Object.fromEntries(Object.entries(pattern).map(([key, value]) => [key, resolve(value, bound)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
