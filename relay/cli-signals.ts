import { constants } from 'node:os';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * npm hands each signal on to what it runs. So one Ctrl-C reaches `npx trunkline` twice, from the terminal and from npm,
 * and the second must not count as impatience.
 */
const SAME_SIGNAL_MS = 300;

/** Resolves at the first SIGINT or SIGTERM; a later one ends the process at once, with the usual 128 + number. */
export function whenToldToStop(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const stop = (signal: (typeof STOP_SIGNALS)[number]): void => {
      const now = performance.now();
      if (firstAt === undefined) {
        firstAt = now;
        resolve(signal);
      } else if (now - firstAt > SAME_SIGNAL_MS) {
        process.exit(128 + constants.signals[signal]);
      }
    };
    for (const signal of STOP_SIGNALS) process.on(signal, stop);
  });
}
