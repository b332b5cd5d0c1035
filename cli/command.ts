import type { Flags, Positionals, Values } from './flags.js';

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What stands behind the command without a flag, in this order; all of them have to be there. */
  readonly positionals: Positionals;
  readonly flags: Flags;
  readonly examples: readonly (readonly [line: string, what: string])[];
  /**
   * Checks what the words and flags say and returns what is then to be run. @throws UsageError
   */
  prepare(values: Values): Run;
}

/**
 * Resolves with the exit code when the command is done: 0, or 128 + the number of a signal that ended work which was not
 * done. Rejects with a CommandError, a TrunklineError or an error of the system that has a code; all of them are exit code 1.
 */
export type Run = () => Promise<number>;

/** The command cannot do its work here: exit code 1. The message is one line and says what helps. */
export class CommandError extends Error {}
