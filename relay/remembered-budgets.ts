import { isIPv6 } from 'node:net';
import type { Levels, PeerBudget } from './peer-budget.js';

/** Others may come from the same address: for what one of them did, each of them has this of each burst at least. */
const SHARE_OF_ADDRESS = 1 / 4;
/** And this, however often somebody from there used up everything within a minute. */
const LEAST_SHARE_OF_ADDRESS = 1 / 64;
/** By then everything is there again, or nearly so. */
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 8192;

interface Remembered {
  levels: Levels;
  at: number;
  /** Those that left with nothing, less than a minute after each other. */
  spentCount: number;
}

/**
 * What peers that have left had used up, so that dialing again makes nobody richer: by the endpoint that they were, and by
 * the address that they came from. Of so many; the oldest is forgotten first.
 */
export class RememberedBudgets {
  private readonly byKey = new Map<string, Remembered>();

  constructor(private readonly maxRemembered = MAX_REMEMBERED) {}

  get size(): number {
    return this.byKey.size;
  }

  left(budget: PeerBudget, address: string | undefined, endpoint: string | undefined, now: number): void {
    const levels = budget.levels(now);
    if (levels === undefined) return;
    if (address !== undefined) this.remember(`address ${addressBlock(address)}`, levels, now);
    if (endpoint !== undefined) this.remember(`endpoint ${endpoint}`, levels, now);
  }

  cameFrom(budget: PeerBudget, address: string, now: number): void {
    const key = `address ${addressBlock(address)}`;
    const spentCount = Math.max(1, this.recent(key, now)?.spentCount ?? 1);
    this.recall(budget, key, Math.max(SHARE_OF_ADDRESS / spentCount, LEAST_SHARE_OF_ADDRESS), now);
  }

  cameAs(budget: PeerBudget, endpoint: string, now: number): void {
    this.recall(budget, `endpoint ${endpoint}`, 0, now);
  }

  private remember(key: string, levels: Levels, now: number): void {
    const before = this.recent(key, now)?.spentCount ?? 0;
    // Behind all others.
    this.byKey.delete(key);
    this.byKey.set(key, { levels, at: now, spentCount: isSpent(levels) ? before + 1 : before });
    for (const [oldest, { at }] of this.byKey) {
      if (this.byKey.size <= this.maxRemembered && now - at < REMEMBERED_MS) break;
      this.byKey.delete(oldest);
    }
  }

  private recall(budget: PeerBudget, key: string, leastShare: number, now: number): void {
    const remembered = this.recent(key, now);
    if (remembered) budget.resume(remembered.levels, now - remembered.at, leastShare, now);
  }

  private recent(key: string, now: number): Remembered | undefined {
    const remembered = this.byKey.get(key);
    return remembered && now - remembered.at < REMEMBERED_MS ? remembered : undefined;
  }
}

function isSpent(levels: Levels): boolean {
  return Object.values(levels).some((left) => left < 1);
}

/** Whoever has one IPv6 address usually has the 2^64 of its network. */
export function addressBlock(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const behind = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - behind.length;
  return `${[...groups, ...Array.from({ length: missing }, () => '0'), ...behind].slice(0, 4).join(':')}::/64`;
}
