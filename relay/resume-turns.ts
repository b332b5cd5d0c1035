import type { ConnectionCore } from '../src/core/connection.js';
import type { PendingResume } from './pending-resumes.js';

/** What a tunnel has with other endpoints at first: a stranger's guesses reach one no faster than these are answered. */
const FIRST_ALLOWED = 8;

interface Asker {
  /** Of this tunnel, with other endpoints. */
  unanswered: number;
  allowed: number;
  /** In the order in which they came. */
  readonly waiting: Set<PendingResume>;
}

/**
 * How many re-opens of one tunnel are with other endpoints at once; the others wait for their turn. Each yes makes it one
 * more, so that who has a thousand streams doubles with every round trip; a no takes it back to where it began, and so does
 * a rest.
 */
export class ResumeTurns {
  private readonly askers = new Map<ConnectionCore, Asker>();

  /** None of this tunnel waits, and there is room for one more. */
  isFree(connection: ConnectionCore): boolean {
    const asker = this.askers.get(connection);
    return asker === undefined || (asker.waiting.size === 0 && asker.unanswered < asker.allowed);
  }

  asked(connection: ConnectionCore): void {
    this.askerOf(connection).unanswered++;
  }

  answered(connection: ConnectionCore, isYes: boolean): void {
    const asker = this.askerOf(connection);
    asker.unanswered--;
    asker.allowed = isYes ? asker.allowed + 1 : FIRST_ALLOWED;
    this.forgetIfIdle(connection, asker);
  }

  wait(pending: PendingResume): void {
    this.askerOf(pending.leg.connection).waiting.add(pending);
  }

  leave(pending: PendingResume): void {
    const asker = this.askers.get(pending.leg.connection);
    if (!asker?.waiting.delete(pending)) return;
    this.forgetIfIdle(pending.leg.connection, asker);
  }

  /** Whose turn it is. Nobody's of a tunnel that has just ended, whose streams all go one after the other. */
  next(connection: ConnectionCore): PendingResume | undefined {
    const asker = this.askers.get(connection);
    if (asker === undefined || connection.hasEnded || asker.unanswered >= asker.allowed) return undefined;
    const [first] = asker.waiting;
    return first;
  }

  private askerOf(connection: ConnectionCore): Asker {
    const known = this.askers.get(connection);
    if (known) return known;
    const asker: Asker = { unanswered: 0, allowed: FIRST_ALLOWED, waiting: new Set() };
    this.askers.set(connection, asker);
    return asker;
  }

  private forgetIfIdle(connection: ConnectionCore, { unanswered, waiting }: Asker): void {
    if (unanswered === 0 && waiting.size === 0) this.askers.delete(connection);
  }
}
