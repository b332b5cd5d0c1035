import type { Flags, Values } from './cli-flags.js';

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  readonly flags: Flags;
  readonly examples: readonly (readonly [line: string, what: string])[];
  /**
   * Checks what the flags say and returns what is then to be run, which resolves when the command is done and throws
   * CommandError. @throws UsageError
   */
  prepare(values: Values): () => Promise<void>;
}

/** The command cannot do its work here: exit code 1. The message is one line and says what helps. */
export class CommandError extends Error {}
