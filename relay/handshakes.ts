import type { ConnectionCore } from '../src/core/connection.js';
import { addressBlock } from './remembered-budgets.js';

/** Who has said nothing for so long has less right to its place than who comes now. */
const PATIENCE_MS = 2000;

interface Handshake {
  readonly key: string;
  readonly since: number;
}

/** Connections whose dialer is not known yet: how many there may be, in all and from one address. */
export class Handshakes {
  /** The oldest first. */
  private readonly pending = new Map<ConnectionCore, Handshake>();
  private readonly countOf = new Map<string, number>();

  constructor(private readonly limits: { maxHandshakes: number; maxHandshakesPerAddress: number }) {}

  get size(): number {
    return this.pending.size;
  }

  hasRoom(address: string | undefined): boolean {
    return this.size < this.limits.maxHandshakes && !this.isFull(keyOf(address));
  }

  /** Who would have to leave for one more from there, if anybody has waited long enough for that. */
  stalest(address: string | undefined, now: number): ConnectionCore | undefined {
    const key = keyOf(address);
    const isOneOfThem = this.isFull(key) ? (each: Handshake) => each.key === key : () => true;
    for (const [connection, handshake] of this.pending) {
      if (now - handshake.since < PATIENCE_MS) return undefined;
      if (isOneOfThem(handshake)) return connection;
    }
    return undefined;
  }

  begin(connection: ConnectionCore, address: string | undefined, now: number): void {
    const key = keyOf(address);
    this.pending.set(connection, { key, since: now });
    this.countOf.set(key, (this.countOf.get(key) ?? 0) + 1);
  }

  /** It is welcome, or over. */
  end(connection: ConnectionCore): void {
    const handshake = this.pending.get(connection);
    if (handshake === undefined) return;
    this.pending.delete(connection);
    const count = (this.countOf.get(handshake.key) ?? 1) - 1;
    if (count > 0) this.countOf.set(handshake.key, count);
    else this.countOf.delete(handshake.key);
  }

  private isFull(key: string): boolean {
    return (this.countOf.get(key) ?? 0) >= this.limits.maxHandshakesPerAddress;
  }
}

/** Sockets without an address are all on this machine. */
function keyOf(address: string | undefined): string {
  return address === undefined ? '' : addressBlock(address);
}
