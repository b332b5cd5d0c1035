import type { ConnectionCore } from '../src/core/connection.js';
import { type PendingConnect, PendingConnects } from './pending-connects.js';

/** Unanswered connects, with a fair part for each of those who compete for room. */
export class FairPendingConnects extends PendingConnects {
  private readonly countOf = new Map<ConnectionCore, number>();

  constructor(
    /** Who stands behind a connection: all that comes from one address counts as one. */
    private readonly sourceOf: (connection: ConnectionCore) => unknown = (connection) => connection,
  ) {
    super();
  }

  override add(pending: PendingConnect): void {
    super.add(pending);
    if (pending.kind === 'offered') this.count(pending.holder.connection, 1);
  }

  override remove(pending: PendingConnect): void {
    if (this.ofLeg(pending.leg) === pending && pending.kind === 'offered') this.count(pending.holder.connection, -1);
    super.remove(pending);
  }

  /** Those that this listener has not answered, on all of its names. */
  countOfListener(connection: ConnectionCore): number {
    return this.countOf.get(connection) ?? 0;
  }

  /**
   * Who has to make room for one more of this connection's: the last of those who have most, if that is more than the
   * newcomer would have. `name`: among those for one name, or among all.
   */
  rivalOf(newcomer: ConnectionCore, name?: string): PendingConnect | undefined {
    const counts = new Map<unknown, { count: number; last: PendingConnect }>();
    for (const pending of name === undefined ? this.all() : this.ofName(name)) {
      const source = this.sourceOf(pending.leg.connection);
      counts.set(source, { count: (counts.get(source)?.count ?? 0) + 1, last: pending });
    }
    let most = {
      count: (counts.get(this.sourceOf(newcomer))?.count ?? 0) + 1,
      last: undefined as PendingConnect | undefined,
    };
    for (const each of counts.values()) if (each.count > most.count) most = each;
    return most.last;
  }

  private count(connection: ConnectionCore, change: number): void {
    const count = this.countOfListener(connection) + change;
    if (count > 0) this.countOf.set(connection, count);
    else this.countOf.delete(connection);
  }
}
