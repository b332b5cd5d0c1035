import { StreamClient, type Tunnel } from '../../src/index.js';
import { SeededRandom } from '../support/seeded-random.js';
import { drawPlan, type Kind } from './stream-plans.js';
import type { StreamWork } from './stream-work.js';

export interface ClientLoadOptions {
  seed: number;
  /** Of all bulk streams together, each way. */
  bulkBytesPerSecond: number;
  shortPerSecond: number;
}

/** Streams that are there at any time, one after the other each, on every tunnel. */
const LANES = { bulk: 2, stopped: 2, pingPong: 2, idle: 8, visit: 1 } as const satisfies Partial<Record<Kind, number>>;
/** While nothing passes, short streams are not to pile up without end. */
const MOST_OPEN = 1_000;
const ABANDONED_SHARE = 0.2;
const VISIT_GAP_MS = 500;

export const lastingName = (route: number): string => `LASTING-${route}`;
export const visitedName = (route: number): string => `VISITED-${route}`;

/** Opens streams of every kind until it is finished. */
export class ClientLoad {
  private readonly clients: StreamClient[];
  private readonly lanes: Promise<void>[] = [];
  private readonly random: SeededRandom;
  private readonly bulkBytesPerSecond: number;

  constructor(
    tunnels: readonly Tunnel[],
    private readonly work: StreamWork,
    options: ClientLoadOptions,
  ) {
    this.clients = tunnels.map((tunnel) => new StreamClient(tunnel));
    this.random = new SeededRandom(options.seed);
    this.bulkBytesPerSecond = Math.round(options.bulkBytesPerSecond / (LANES.bulk * tunnels.length));
    for (const route of tunnels.keys()) this.startRoute(route);
    this.lanes.push(this.openShort(1000 / options.shortPerSecond, this.random.fork()));
  }

  /** Opens nothing more; resolves when every stream is closed. */
  async finish(): Promise<void> {
    this.work.pauses.end();
    await Promise.all(this.lanes);
    await this.work.idle();
  }

  private startRoute(route: number): void {
    for (const [kind, count] of Object.entries(LANES) as [keyof typeof LANES, number][]) {
      for (let lane = 0; lane < count; lane++) this.lanes.push(this.runLane(kind, route, this.random.fork()));
    }
  }

  private async runLane(kind: keyof typeof LANES, route: number, random: SeededRandom): Promise<void> {
    const { pauses } = this.work;
    while (!pauses.isOver) {
      const wentWell = await this.open(kind, route, random);
      if (kind === 'visit' || !wentWell) await pauses.pause(VISIT_GAP_MS);
    }
  }

  /** At a steady rate, however long each of them takes. */
  private async openShort(everyMs: number, random: SeededRandom): Promise<void> {
    const { pauses } = this.work;
    const startedAt = performance.now();
    for (let count = 1; !pauses.isOver; count++) {
      await pauses.pause(startedAt + count * everyMs - performance.now());
      const kind = random.chance(ABANDONED_SHARE) ? 'abandoned' : 'short';
      const hasRoom = this.work.openCount < MOST_OPEN;
      if (hasRoom && !pauses.isOver) void this.open(kind, count % this.clients.length, random);
    }
  }

  private open(kind: Kind, route: number, random: SeededRandom): Promise<boolean> {
    const plan = drawPlan(kind, random, this.bulkBytesPerSecond);
    const name = kind === 'visit' ? visitedName(route) : lastingName(route);
    const stream = this.clients[route]!.connect(name, { meta: plan, waitMs: plan.waitMs });
    return this.work.opener(stream, plan);
  }
}
