const PATIENCE_MS = 8_000;

/**
 * Resolves once the condition holds. It asks again in every turn of the event loop, so nothing depends on how fast a
 * machine is; the deadline only turns a hang into a message that says what was missing.
 */
export async function until(
  condition: () => boolean,
  what: string | (() => string),
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  while (!condition()) {
    if (performance.now() > giveUpAt) {
      throw new Error(`waited in vain for: ${typeof what === 'string' ? what : what()}`);
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((whenResolved, whenRejected) => {
    resolve = whenResolved;
    reject = whenRejected;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
