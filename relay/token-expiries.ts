import type { ConnectionCore } from '../src/core/connection.js';
import { TrunklineError } from '../src/protocol/errors.js';
import { Deadlines } from './deadlines.js';

/** A newer token is asked for so long before the old one has run out, or after half of its time if that is shorter. */
const LEAD_MS = 60_000;
/** Timers end at 24 days, and so does what is worth a timer. */
const MAX_EXPIRY_MS = 24 * 24 * 60 * 60 * 1000;

interface Expiry {
  readonly connection: ConnectionCore;
  readonly expiresAt: number;
  /** When something is to be done: first asking, then ending. */
  readonly deadline: number;
  readonly wasAsked: boolean;
}

/**
 * Until when dialers are who they said they are.
 *
 *   known ──shortly before the token runs out──> TOKEN asked ──newer TOKEN──> known
 *                                                    └──it has run out──> GOAWAY TOKEN_EXPIRED
 */
export class TokenExpiries {
  private readonly deadlines = new Deadlines<Expiry>();
  private readonly byConnection = new Map<ConnectionCore, Expiry>();

  /** @param expiresInMs undefined: never */
  known(connection: ConnectionCore, expiresInMs: number | undefined, now: number): void {
    this.forget(connection);
    if (expiresInMs === undefined || expiresInMs > MAX_EXPIRY_MS) return;
    const leadMs = Math.min(LEAD_MS, expiresInMs / 2);
    this.put({ connection, expiresAt: now + expiresInMs, deadline: now + expiresInMs - leadMs, wasAsked: false });
  }

  forget(connection: ConnectionCore): void {
    const expiry = this.byConnection.get(connection);
    if (expiry === undefined) return;
    this.byConnection.delete(connection);
    this.deadlines.delete(expiry);
  }

  nextDeadline(): number {
    return this.deadlines.next();
  }

  advance(now: number): void {
    for (const expiry of this.deadlines.due(now)) {
      const { connection, expiresAt, wasAsked } = expiry;
      this.forget(connection);
      if (wasAsked) connection.fail(new TrunklineError('TOKEN_EXPIRED', 'the token has run out'));
      else {
        connection.askForToken(Math.max(0, Math.ceil(expiresAt - now)));
        this.put({ connection, expiresAt, deadline: expiresAt, wasAsked: true });
      }
    }
  }

  private put(expiry: Expiry): void {
    this.byConnection.set(expiry.connection, expiry);
    this.deadlines.add(expiry);
  }
}
