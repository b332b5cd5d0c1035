import type { SeededRandom } from '../support/seeded-random.js';
import type { Link } from '../support/simulated-network.js';
import type { ModelRelay } from './model-relay.js';
import type { ResumeWorld } from './resume-world.js';

/** How often each comes, by itself and among the others. */
const WEIGHTS = {
  cut: 8,
  tear: 10,
  halfOpen: 4,
  stall: 4,
  delay: 4,
  killRelay: 2,
  failOver: 1,
  drain: 1,
  replay: 4,
  replayTwice: 2,
} as const;
export type Fault = keyof typeof WEIGHTS;
export const FAULTS = Object.keys(WEIGHTS) as Fault[];
const DRAWN = FAULTS.flatMap((fault) => Array.from({ length: WEIGHTS[fault] }, () => fault));

const DRAIN_MS = 5000;

/** Draws what goes wrong next. */
export class FaultInjector {
  readonly totals = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>;
  private readonly due: { at: number; action: () => void }[] = [];

  constructor(
    private readonly world: ResumeWorld,
    private readonly random: SeededRandom,
  ) {}

  /** One fault, if it can happen now. */
  inject(): void {
    const fault = this.random.pick(DRAWN);
    if (this.perform(fault)) this.totals[fault]++;
  }

  private perform(fault: Fault): boolean {
    const { world, random } = this;
    switch (fault) {
      case 'cut':
        return this.onLink((link) => link.cut());
      case 'tear':
        return this.onLink((link) => link.tear(random.pick(['dialer', 'acceptor']), random.integer(0, 4000)));
      case 'halfOpen':
        return this.onLink((link) => {
          const which = random.integer(0, 2);
          if (which !== 0) link.up.swallow();
          if (which !== 1) link.down.swallow();
        });
      case 'stall':
        return this.onLink((link) => random.pick([link.up, link.down]).stall(random.integer(1, 3000)));
      case 'delay':
        return this.onLink((link) => random.pick([link.up, link.down]).delay(random.integer(1, 3000)));
      case 'killRelay':
        return this.restart(world.active);
      case 'failOver': {
        const relay = world.active;
        world.failOver();
        return this.restart(relay);
      }
      case 'drain':
        return this.drain(world.active);
      case 'replay':
      case 'replayTwice':
        return this.replay(fault === 'replay' ? 1 : 2);
    }
  }

  private onLink(action: (link: Link) => void): boolean {
    const links = this.world.network.openLinks;
    if (links.length === 0) return false;
    action(this.random.pick(links));
    return true;
  }

  private restart(relay: ModelRelay): boolean {
    if (!relay.isUp) return false;
    this.world.kill(relay);
    this.later(this.random.integer(0, 3000), () => relay.restart());
    return true;
  }

  private drain(relay: ModelRelay): boolean {
    if (!relay.isUp || relay.isDraining) return false;
    relay.drain(DRAIN_MS);
    this.world.failOver();
    this.later(DRAIN_MS, () => {
      if (!relay.isDraining) return;
      relay.close();
      relay.kill();
      this.later(this.random.integer(0, 1000), () => relay.restart());
    });
    return true;
  }

  private replay(times: number): boolean {
    const { captured } = this.world;
    if (captured.length === 0) return false;
    const open = this.random.pick(captured);
    for (let left = times; left > 0; left--) this.world.replay(open);
    return true;
  }

  // ── what follows a fault ─────────────────────────────────────────────────────────────────────────────────────────

  private later(delayMs: number, action: () => void): void {
    this.due.push({ at: this.world.clock.now() + delayMs, action });
  }

  /** Does what earlier faults have left to be done by now. */
  advance(): void {
    const now = this.world.clock.now();
    for (const { action } of take(this.due, ({ at }) => at <= now)) action();
  }

  finish(): void {
    while (this.due.length > 0) for (const { action } of this.due.splice(0)) action();
  }
}

function take<T>(items: T[], isTaken: (item: T) => boolean): T[] {
  const taken = items.filter(isTaken);
  for (const item of taken) items.splice(items.indexOf(item), 1);
  return taken;
}
