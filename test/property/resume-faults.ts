import type { SeededRandom } from '../support/seeded-random.js';
import { Faults, type Weights } from './faults.js';
import type { ModelRelay } from './model-relay.js';
import type { ResumeWorld } from './resume-world.js';

export type ResumeFault = 'killRelay' | 'failOver' | 'drain' | 'replay' | 'replayTwice';
const WEIGHTS: Weights<ResumeFault> = {
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
};

const DRAIN_MS = 5000;

/** What goes wrong between tunnels and their relays. */
export class ResumeFaults extends Faults<ResumeFault> {
  private readonly due: { at: number; action: () => void }[] = [];

  constructor(
    private readonly world: ResumeWorld,
    random: SeededRandom,
  ) {
    super(WEIGHTS, world.network, random);
  }

  protected perform(fault: ResumeFault): boolean {
    const { world } = this;
    switch (fault) {
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
        return this.replay(1);
      case 'replayTwice':
        return this.replay(2);
    }
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
