// The child's side of `ForkedProcess`.

/** What a child is asked. */
export interface ChildQuestion {
  question: number;
  command: string;
  argument?: unknown;
}

/** What a child says: an answer to a question, or something of its own accord. */
export type ChildMessage = { answer: number; value?: unknown; error?: ChildError } | { told: unknown };

/** As far as an error can be told from one process to another. */
export interface ChildError {
  message: string;
  code: string | undefined;
  stack: string | undefined;
}

/** By the names that the parent calls them by. What one returns, or throws, is the answer. */
export type ChildCommands = Record<string, (argument: never) => unknown>;

let isLeaving = false;

/** From now on, until the parent is gone: then this process ends, too. */
export function answerQuestions(commands: ChildCommands, beforeAnswer: () => void = () => {}): void {
  process.on('message', async ({ question, command, argument }: ChildQuestion) => {
    const answer = await answerTo(commands[command]!, argument);
    beforeAnswer();
    send({ answer: question, ...answer });
  });
  process.on('disconnect', () => {
    if (!isLeaving) process.exit(1);
  });
}

/** Says something that nobody has asked for. */
export function tellParent(told: unknown): void {
  send({ told });
}

/** Then nothing holds the process any more, and it must end by itself. */
export async function leaveAfter(closed: Promise<unknown>): Promise<void> {
  isLeaving = true;
  await closed;
  // Not before the question that led to this is answered.
  setImmediate(() => process.disconnect());
}

async function answerTo(
  command: ChildCommands[string],
  argument: unknown,
): Promise<{ value: unknown } | { error: ChildError }> {
  try {
    return { value: await command(argument as never) };
  } catch (error) {
    const { message, code, stack } = error as NodeJS.ErrnoException;
    return { error: { message, code, stack } };
  }
}

function send(message: ChildMessage): void {
  if (process.connected) process.send?.(message);
}
