import type { Duplex } from 'node:stream';

/**
 * Joins two Duplexes (sockets with `allowHalfOpen`) as if they were one: bytes both ways at the pace of who reads them; an
 * end is passed on by itself, while the other direction goes on; what breaks one breaks the other, with the same reason.
 *
 * Resolves when both directions are over and both ends are closed. Rejects with what broke first; both are destroyed then.
 */
export function join(left: Duplex, right: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    let open = 2;
    const watch = (from: Duplex, to: Duplex): void => {
      let failure: Error | null = from.errored;
      const closed = (): void => {
        if (failure === null && !isOver(from)) failure = abortedError();
        if (failure !== null) {
          // A promise takes the first: what broke, and not what was broken by it.
          reject(failure);
          abort(to, failure);
        } else if (--open === 0) resolve();
      };
      from.once('error', (error) => {
        failure = error;
        closed();
      });
      if (from.destroyed) closed();
      else from.once('close', closed);
      from.pipe(to);
    };
    watch(left, right);
    watch(right, left);
  });
}

function isOver(stream: Duplex): boolean {
  return stream.readableEnded && stream.writableFinished;
}

/** It was destroyed, and nobody said why. */
function abortedError(): Error {
  return Object.assign(new Error('closed before its end'), { code: 'ECONNABORTED' });
}

/** Gives it up so that its other end can tell that from an end in order: a TCP socket is reset. */
export function abort(stream: Duplex & { resetAndDestroy?: () => unknown }, error: Error): void {
  // Whoever is destroyed with an error emits it; it is known already.
  stream.on('error', () => {});
  if (stream.destroyed) return;
  if (stream.resetAndDestroy) stream.resetAndDestroy();
  else stream.destroy(error);
}
