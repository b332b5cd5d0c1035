import { seededRandom } from './seeded-bytes.js';
import type { ProxiedConnection, TcpProxy } from './tcp-proxy.js';

export const CUT_KINDS = ['terminate', 'reset', 'black hole', 'one-way black hole'] as const;
export type CutKind = (typeof CUT_KINDS)[number];

/** Forces disconnects, one connection each, at places that follow from a seed. */
export class Saboteur {
  readonly cuts: Record<CutKind, number> = { terminate: 0, reset: 0, 'black hole': 0, 'one-way black hole': 0 };
  private readonly random: (limit: number) => number;
  /** Those that have had it already; a black hole stays open until somebody misses something. */
  private readonly hit = new WeakSet<ProxiedConnection>();

  constructor(
    private readonly proxy: TcpProxy,
    seed: number,
    private readonly kinds: readonly CutKind[] = CUT_KINDS,
  ) {
    this.random = seededRandom(seed);
  }

  get count(): number {
    return Object.values(this.cuts).reduce((sum, count) => sum + count, 0);
  }

  /** Those that it has left alone. Once a tunnel is whole again, it has one of these. */
  get whole(): ProxiedConnection[] {
    return this.proxy.connections.filter((connection) => !this.hit.has(connection));
  }

  /** Returns false when there is no connection that is whole. */
  cutOne(): boolean {
    const { whole } = this;
    const victim = whole[this.random(Math.max(whole.length, 1))];
    if (!victim) return false;
    const kind = this.kinds[this.random(this.kinds.length)]!;
    this.hit.add(victim);
    this.cuts[kind]++;
    this.cut(victim, kind);
    return true;
  }

  private cut(victim: ProxiedConnection, kind: CutKind): void {
    if (kind === 'terminate') victim.terminate();
    else if (kind === 'reset') victim.reset();
    else if (kind === 'black hole') victim.blackHole();
    else victim.blackHole(this.random(2) === 0 ? 'toPeer' : 'toRelay');
  }
}
