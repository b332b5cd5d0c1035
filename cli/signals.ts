import { constants } from 'node:os';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

/**
 * npm hands each signal on to what it runs. So one Ctrl-C reaches `npx trunkline` twice, from the terminal and from npm,
 * and the second must not count as impatience.
 */
const SAME_SIGNAL_MS = 300;

/** What a shell says of a command that a signal has ended. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** A signal ended what was not done. Its code and its message are what the other end is told. */
export class Interrupted extends Error {
  readonly code: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`the command at the other end was ended by ${signal}`);
    this.code = signal;
  }
}

/** Resolves at the first SIGINT or SIGTERM; a later one ends the process at once, with the usual 128 + number. */
export function whenToldToStop(): Promise<StopSignal> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const stop = (signal: StopSignal): void => {
      const now = performance.now();
      if (firstAt === undefined) {
        firstAt = now;
        resolve(signal);
      } else if (now - firstAt > SAME_SIGNAL_MS) {
        process.exit(exitCodeOf(signal));
      }
    };
    for (const signal of STOP_SIGNALS) process.on(signal, stop);
  });
}
