import type { TrunklineError } from '../protocol/errors.js';
import type { EventEmitter } from './node-stream.js';

/**
 * A promise that tells of success or failure, and never becomes an unhandled rejection: what the far side does must not
 * end this process. `wasAsked` tells whether anybody looks at it.
 */
export class Outcome<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  private readonly settled: Promise<T>;
  private asked = false;

  constructor() {
    let resolve!: (value: T) => void;
    let reject!: (error: unknown) => void;
    this.settled = new Promise<T>((whenResolved, whenRejected) => {
      resolve = whenResolved;
      reject = whenRejected;
    });
    this.settled.catch(() => {});
    this.resolve = resolve;
    this.reject = reject;
  }

  get promise(): Promise<T> {
    this.asked = true;
    return this.settled;
  }

  get wasAsked(): boolean {
    return this.asked;
  }
}

/**
 * Every failure reaches a place that somebody can see: the 'error' listeners; else the promise that somebody asked for;
 * else the console. An 'error' event without a listener would throw, out of a socket's callback, because of something
 * the far side did.
 */
export function reportFailure(
  emitter: EventEmitter,
  error: TrunklineError,
  outcome: { wasAsked: boolean },
  what: string,
): void {
  if (emitter.listenerCount('error') > 0) emitter.emit('error', error);
  else if (!outcome.wasAsked) warn(what, error);
}

/** What an application's listener throws is thrown where it can be seen, and keeps nobody else from being told. */
export function runListener(action: () => void): void {
  try {
    action();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

export function warn(what: string, error: Error & { code?: string }): void {
  console.warn(
    `trunkline: ${what}: ${error.code ?? error.name}: ${error.message} (no 'error' listener was there to tell)`,
  );
}
