import type { ErrorCode } from '../../src/protocol/codes.js';
import { type ModelStream, Violation } from './model-stream.js';

/** What has become of a seed's streams. */
export interface StreamsOutcome {
  bytes: number;
  suspensions: number;
  finished: number;
  failed: Partial<Record<ErrorCode, number>>;
}

export function outcomeOf(streams: readonly ModelStream[]): StreamsOutcome {
  const failed: Partial<Record<ErrorCode, number>> = {};
  for (const { failure } of streams) if (failure) failed[failure.code] = (failed[failure.code] ?? 0) + 1;
  return {
    bytes: streams.reduce((sum, { received }) => sum + received, 0),
    suspensions: streams.reduce((sum, { suspensions }) => sum + suspensions, 0),
    finished: streams.filter(({ life }) => life === 'closed').length,
    failed,
  };
}

type Figures = { [name: string]: number | Figures };

/** Of all seeds together: each number, and each number in a table, is the sum of theirs. */
export function addUp<T extends object>(outcomes: readonly T[]): T {
  return (outcomes as readonly Figures[]).reduce<Figures>(add, {}) as T;
}

function add(sum: Figures, more: Figures): Figures {
  const total = { ...sum };
  for (const [name, figure] of Object.entries(more)) {
    const before = total[name];
    total[name] =
      typeof figure === 'number' ? ((before as number) ?? 0) + figure : add((before as Figures) ?? {}, figure);
  }
  return total;
}

/** Whoever reads of a failure knows how to see it again. */
export function named<T>(runSeed: (seed: number) => T): (seed: number) => T {
  return (seed) => {
    try {
      return runSeed(seed);
    } catch (error) {
      throw new Violation(`SEED=${seed}: ${(error as Error).message}`, { cause: error });
    }
  };
}
