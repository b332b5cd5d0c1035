import type { ConnectionCore } from '../src/core/connection.js';
import type { Json } from '../src/protocol/meta.js';

/** A connection as the broker knows it. */
export interface Party {
  readonly connection: ConnectionCore;
  /** The public id of the endpoint behind it, if it said who it is. */
  endpoint: string | undefined;
  /** What is known of who dialed it; null if nobody has asked. */
  claims: Json;
  /** Connects of this party that have no splice yet. */
  pendingConnects: number;
  /** Names it holds. */
  names: number;
}

/** Who is here: by connection, and by endpoint. An endpoint is on one connection at a time. */
export class Parties {
  private readonly byConnection = new Map<ConnectionCore, Party>();
  private readonly byEndpoint = new Map<string, Party>();

  get size(): number {
    return this.byConnection.size;
  }

  values(): IterableIterator<Party> {
    return this.byConnection.values();
  }

  join(connection: ConnectionCore): void {
    this.byConnection.set(connection, { connection, endpoint: undefined, claims: null, pendingConnects: 0, names: 0 });
  }

  /** Whoever was this endpoint has to have left. */
  identify(connection: ConnectionCore, endpoint: string): void {
    const party = this.of(connection);
    party.endpoint = endpoint;
    this.byEndpoint.set(endpoint, party);
  }

  leave(connection: ConnectionCore): void {
    const endpoint = this.byConnection.get(connection)?.endpoint;
    this.byConnection.delete(connection);
    if (endpoint !== undefined) this.byEndpoint.delete(endpoint);
  }

  /** Not one that has just ended, and whose streams are told of it one by one. */
  atEndpoint(endpoint: string): ConnectionCore | undefined {
    const connection = this.byEndpoint.get(endpoint)?.connection;
    return connection?.hasEnded ? undefined : connection;
  }

  /** Whoever leaves has given up its streams before, so a party outlives everything that counts on it. */
  of(connection: ConnectionCore): Party {
    return this.byConnection.get(connection) as Party;
  }
}
