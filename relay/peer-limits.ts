import type { ConnectionCore } from '../src/core/connection.js';
import type { ErrorCode } from '../src/protocol/codes.js';
import { TrunklineError } from '../src/protocol/errors.js';
import type { LiveSplice } from './counters.js';
import { Handshakes } from './handshakes.js';
import { KeyedBudgets } from './keyed-budgets.js';
import { MemoryBudget } from './memory-budget.js';
import type { ResolvedRelayOptions } from './options.js';
import { PeerBudget } from './peer-budget.js';
import { addressBlock, RememberedBudgets } from './remembered-budgets.js';
import { mostHeldFor } from './shed-load.js';

/** Who dials. */
export interface Dialer {
  /** Where from, if that is known. */
  address?: string | undefined;
  /** This process itself: it is held to nothing. */
  isOwn?: boolean;
}

interface Peer extends Dialer {
  budget: PeerBudget | undefined;
  endpoint?: string;
}

/** When the relay has no memory left, how soon to come back; no two at the same time. */
const FULL_RETRY_MS = 5000;

/** What is left to each peer and to all of them together, from the upgrade on. */
export class PeerLimits {
  readonly memory: MemoryBudget;
  readonly takeovers: KeyedBudgets;
  private readonly dials: KeyedBudgets;
  private readonly handshakes: Handshakes;
  private readonly remembered = new RememberedBudgets();
  private readonly peers = new Map<ConnectionCore, Peer>();
  private mustShed = false;
  /** The next deadline is now. */
  onDeadline: () => void = () => {};

  constructor(
    private readonly options: ResolvedRelayOptions,
    now: () => number,
    transportBytes: () => number = () => 0,
  ) {
    const { limits, rates } = options;
    this.handshakes = new Handshakes(limits);
    this.takeovers = new KeyedBudgets(rates.takeovers);
    this.dials = new KeyedBudgets(rates.dials);
    this.memory = new MemoryBudget(limits.memoryBytes, now, () => transportBytes() + this.queuedControlBytes());
    this.memory.onOverflow = () => this.overflowed();
  }

  budgetOf(connection: ConnectionCore): PeerBudget | undefined {
    return this.peers.get(connection)?.budget;
  }

  /** All that comes from one address is one. */
  sourceOf(connection: ConnectionCore): unknown {
    const address = this.peers.get(connection)?.address;
    return address === undefined ? connection : addressBlock(address);
  }

  // ── a connection's life ──────────────────────────────────────────────────────────────────────────────────────────

  /** Those without an address are all on this machine, or behind one proxy. */
  mayDial(address: string | undefined, now: number): boolean {
    return this.dials.take(address === undefined ? '' : addressBlock(address), now);
  }

  /** There is room for one more that has not said who it is, if need be in the place of one that has not for long. */
  mayAccept(address: string | undefined, now: number): boolean {
    if (this.handshakes.hasRoom(address)) return true;
    this.handshakes.stalest(address, now)?.fail(new TrunklineError('HANDSHAKE_TIMEOUT', 'others wait for this place'));
    return this.handshakes.hasRoom(address);
  }

  /** What a peer from there may do. */
  budgetFor({ address, isOwn = false }: Dialer, now: number): PeerBudget | undefined {
    if (isOwn) return undefined;
    const budget = new PeerBudget(this.options.rates, this.options.limits.maxStreams);
    if (address !== undefined) this.remembered.cameFrom(budget, address, now);
    return budget;
  }

  accepted(connection: ConnectionCore, dialer: Dialer, budget: PeerBudget | undefined, now: number): void {
    this.peers.set(connection, { ...dialer, budget });
    if (!dialer.isOwn) this.handshakes.begin(connection, dialer.address, now);
  }

  /** Why it cannot be welcome now. */
  refusalOf(connection: ConnectionCore, random: number): TrunklineError | undefined {
    if (this.memory.takesTunnels || this.peers.get(connection)?.isOwn) return undefined;
    const retryAfterMs = Math.ceil(FULL_RETRY_MS * (1 + random));
    return new TrunklineError('LIMIT_RATE', 'the relay holds as much as it can', { retryAfterMs });
  }

  welcomed(connection: ConnectionCore, endpoint: string | undefined, now: number): void {
    this.handshakes.end(connection);
    const peer = this.peers.get(connection);
    if (peer?.budget === undefined || endpoint === undefined) return;
    peer.endpoint = endpoint;
    this.remembered.cameAs(peer.budget, endpoint, now);
  }

  ended(connection: ConnectionCore, now: number): void {
    this.handshakes.end(connection);
    const peer = this.peers.get(connection);
    this.peers.delete(connection);
    if (peer?.budget) this.remembered.left(peer.budget, peer.address, peer.endpoint, now);
  }

  /** It was told no. Of offers it answers too late others are the cause; those that it never had are counted elsewhere. */
  refused(connection: ConnectionCore, code: ErrorCode, now: number): void {
    const budget = this.budgetOf(connection);
    if (budget === undefined || code === 'CANCELED') return;
    try {
      budget.spend('refusals', now);
    } catch (error) {
      connection.fail(error as TrunklineError);
    }
  }

  // ── memory ───────────────────────────────────────────────────────────────────────────────────────────────────────

  nextDeadline(): number {
    return this.mustShed ? 0 : Number.POSITIVE_INFINITY;
  }

  /** Ends those for whom most is held, until what is left is within the budget. */
  advance(splices: () => Iterable<LiveSplice>): void {
    if (!this.mustShed) return;
    this.mustShed = false;
    while (this.memory.isOver) {
      const connection = mostHeldFor(splices());
      if (connection === undefined) return;
      const retryAfterMs = FULL_RETRY_MS;
      connection.fail(new TrunklineError('LIMIT_RATE', 'too much waits for this tunnel', { retryAfterMs }));
    }
  }

  private overflowed(): void {
    if (this.mustShed) return;
    this.mustShed = true;
    this.onDeadline();
  }

  private queuedControlBytes(): number {
    let bytes = 0;
    for (const connection of this.peers.keys()) bytes += connection.queuedControlBytes;
    return bytes;
  }
}
