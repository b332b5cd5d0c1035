import type { DialedTunnelCore } from '../../src/core/tunnel.js';
import type { SeededRandom } from '../support/seeded-random.js';
import type { Link } from '../support/simulated-network.js';
import type { HostWorld } from './host-world.js';

/** How often each comes, by itself and among the others. */
const WEIGHTS = {
  cut: 8,
  tear: 10,
  halfOpen: 5,
  stall: 4,
  delay: 4,
  dialAgain: 5,
  restartHost: 1,
  impersonate: 2,
} as const;
export type HostFault = keyof typeof WEIGHTS;
export const HOST_FAULTS = Object.keys(WEIGHTS) as HostFault[];

/** Draws what goes wrong next between dialers and their host. */
export class HostFaults {
  readonly totals = Object.fromEntries(HOST_FAULTS.map((fault) => [fault, 0])) as Record<HostFault, number>;
  private readonly drawn: HostFault[];

  constructor(
    private readonly world: HostWorld,
    private readonly random: SeededRandom,
    mayRestart: boolean,
  ) {
    const possible = HOST_FAULTS.filter((fault) => mayRestart || fault !== 'restartHost');
    this.drawn = possible.flatMap((fault) => Array.from({ length: WEIGHTS[fault] }, () => fault));
  }

  /** One fault, if it can happen now. */
  inject(): void {
    const fault = this.random.pick(this.drawn);
    if (this.perform(fault)) this.totals[fault]++;
  }

  private perform(fault: HostFault): boolean {
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
      case 'dialAgain':
        return this.dialAgain();
      case 'restartHost':
        world.restartHost();
        return true;
      case 'impersonate':
        return this.impersonate();
    }
  }

  private onLink(action: (link: Link) => void): boolean {
    const links = this.world.network.openLinks;
    if (links.length === 0) return false;
    action(this.random.pick(links));
    return true;
  }

  /** Dials without need, once or twice: the page was woken, or the network has changed. */
  private dialAgain(): boolean {
    const dialers = this.world.ends.filter(({ side, core }) => side === 'dialer' && core.stateName !== 'closed');
    if (dialers.length === 0 || !this.world.isResumable) return false;
    const core = this.random.pick(dialers).core as DialedTunnelCore;
    if (core.stateName === 'connecting') return false;
    for (let left = this.random.integer(1, 2); left > 0; left--) this.world.dial(core);
    return true;
  }

  private impersonate(): boolean {
    const { captured } = this.world;
    if (captured.length === 0 || !this.world.isResumable) return false;
    const { tunnelId, open } = this.random.pick(captured);
    this.world.impersonate(tunnelId, open);
    return true;
  }
}
