import { Saboteur } from '../support/saboteur.js';
import { SeededRandom } from '../support/seeded-random.js';
import type { Direction, TcpProxy } from '../support/tcp-proxy.js';
import { Pauses } from './pauses.js';

/** Beside the cuts of one connection, which are most of all. */
const BROAD = ['all at once', 'outage', 'blackout', 'stall'] as const;
type Broad = (typeof BROAD)[number];

const BROAD_SHARE = 0.25;
const OUTAGE_MS = { least: 300, most: 3_000 };
const STALL_MS = { least: 50, most: 1_500 };

/** What happens to the network of a run, every few seconds, at moments and in ways that follow from a seed. */
export class Disturbances {
  private readonly broad: Record<Broad, number> = { 'all at once': 0, outage: 0, blackout: 0, stall: 0 };
  private readonly pauses = new Pauses();
  private readonly random: SeededRandom;
  private readonly saboteur: Saboteur;
  private readonly over: Promise<void>;

  constructor(
    private readonly proxy: TcpProxy,
    private readonly options: { seed: number; everyMs: number },
  ) {
    this.random = new SeededRandom(options.seed);
    this.saboteur = new Saboteur(proxy, options.seed);
    this.over = this.run();
  }

  get counts(): Record<string, number> {
    return { ...this.saboteur.cuts, ...this.broad };
  }

  /** Resolves when the network is well again. */
  async stop(): Promise<void> {
    this.pauses.end();
    await this.over;
  }

  private async run(): Promise<void> {
    const { everyMs } = this.options;
    for (;;) {
      await this.pauses.pause(this.random.integer(everyMs / 2, everyMs * 1.5));
      if (this.pauses.isOver) return;
      if (this.random.chance(BROAD_SHARE)) await this.disturb(this.random.pick(BROAD));
      // When there is no connection that is whole, the next turn may find one.
      else this.saboteur.cutOne();
    }
  }

  private async disturb(kind: Broad): Promise<void> {
    const { proxy } = this;
    this.broad[kind]++;
    if (kind === 'all at once') return proxy.cut();
    if (kind === 'stall') return this.stall(this.random.pick([['toPeer'], ['toRelay'], ['toPeer', 'toRelay']]));
    if (kind === 'outage') {
      proxy.refuse();
      proxy.terminate();
    } else {
      proxy.blackHole();
    }
    await this.pauses.pause(this.random.integer(OUTAGE_MS.least, OUTAGE_MS.most));
    proxy.admit();
    proxy.heal();
  }

  private async stall(directions: Direction[]): Promise<void> {
    for (const direction of directions) this.proxy.hold(direction);
    await this.pauses.pause(this.random.integer(STALL_MS.least, STALL_MS.most));
    for (const direction of directions) this.proxy.release(direction);
  }
}
