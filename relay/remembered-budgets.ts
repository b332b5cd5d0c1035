import { isIPv6 } from 'node:net';
import type { Levels, PeerBudget } from './peer-budget.js';

/** Others may come from the same address: for what one of them did, none of them has less than this of each burst. */
const LEAST_SHARE_OF_ADDRESS = 0.25;
/** By then everything is there again, or nearly so. */
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 8192;

/**
 * What peers that have left had used up, so that dialing again makes nobody richer: by the endpoint that they were, and by
 * the address that they came from. Of so many; the oldest is forgotten first.
 */
export class RememberedBudgets {
  private readonly byKey = new Map<string, { levels: Levels; at: number }>();

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
    this.recall(budget, `address ${addressBlock(address)}`, LEAST_SHARE_OF_ADDRESS, now);
  }

  cameAs(budget: PeerBudget, endpoint: string, now: number): void {
    this.recall(budget, `endpoint ${endpoint}`, 0, now);
  }

  private remember(key: string, levels: Levels, now: number): void {
    // Behind all others.
    this.byKey.delete(key);
    this.byKey.set(key, { levels, at: now });
    for (const [oldest, { at }] of this.byKey) {
      if (this.byKey.size <= this.maxRemembered && now - at < REMEMBERED_MS) break;
      this.byKey.delete(oldest);
    }
  }

  private recall(budget: PeerBudget, key: string, leastShare: number, now: number): void {
    const remembered = this.byKey.get(key);
    if (remembered && now - remembered.at < REMEMBERED_MS)
      budget.resume(remembered.levels, now - remembered.at, leastShare, now);
  }
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
