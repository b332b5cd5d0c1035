import type { ConnectionCore } from '../src/core/connection.js';
import type { RateBudget } from '../src/transport/rate-budget.js';
import type { RelayAccess } from './access-control.js';

type Question = Parameters<RelayAccess['authorize']> extends [unknown, ...infer Rest] ? Rest : never;

/**
 * Lets each peer ask only so often. Who asks faster waits for its turn, in order; how many may wait is bounded by who holds
 * their streams meanwhile.
 */
export class PacedAccess implements RelayAccess {
  private readonly waiting = new Map<ConnectionCore, Question[]>();

  constructor(
    private readonly access: RelayAccess,
    /** What a peer may ask still; undefined: as often as it likes. */
    private readonly budgetOf: (connection: ConnectionCore, now: number) => RateBudget | undefined,
    private readonly now: () => number,
  ) {}

  authenticate(...question: Parameters<RelayAccess['authenticate']>): void {
    this.access.authenticate(...question);
  }

  authorize(connection: ConnectionCore, ...question: Question): void {
    const before = this.waiting.get(connection);
    const now = this.now();
    if (before) before.push(question);
    else if (this.budgetOf(connection, now)?.take(1, now) ?? true) this.access.authorize(connection, ...question);
    else this.waiting.set(connection, [question]);
  }

  nextDeadline(): number {
    const now = this.now();
    let next = Number.POSITIVE_INFINITY;
    for (const connection of this.waiting.keys())
      next = Math.min(next, this.budgetOf(connection, now)?.readyAt(1, now) ?? now);
    return next;
  }

  advance(now: number): void {
    for (const [connection, questions] of this.waiting) {
      while (questions.length > 0 && (connection.hasEnded || this.mayAsk(connection, now))) {
        const question = questions.shift() as Question;
        if (!connection.hasEnded) this.access.authorize(connection, ...question);
      }
      if (questions.length === 0) this.waiting.delete(connection);
    }
  }

  private mayAsk(connection: ConnectionCore, now: number): boolean {
    return this.budgetOf(connection, now)?.take(1, now) ?? true;
  }
}
