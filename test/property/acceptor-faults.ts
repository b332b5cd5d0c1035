import type { DialedTunnelCore } from '../../src/core/tunnel.js';
import type { SeededRandom } from '../support/seeded-random.js';
import type { AcceptorWorld } from './acceptor-world.js';
import { Faults, type Weights } from './faults.js';

export type AcceptorFault = 'dialAgain' | 'restartAcceptor' | 'impersonate';
const WEIGHTS: Weights<AcceptorFault> = {
  cut: 8,
  tear: 10,
  halfOpen: 5,
  stall: 4,
  delay: 4,
  dialAgain: 5,
  restartAcceptor: 1,
  impersonate: 2,
};

/** What goes wrong between dialers and their acceptor. */
export class AcceptorFaults extends Faults<AcceptorFault> {
  constructor(
    private readonly world: AcceptorWorld,
    random: SeededRandom,
    mayRestart: boolean,
  ) {
    super(WEIGHTS, world.network, random, mayRestart ? [] : ['restartAcceptor']);
  }

  protected perform(fault: AcceptorFault): boolean {
    switch (fault) {
      case 'dialAgain':
        return this.dialAgain();
      case 'restartAcceptor':
        this.world.restartAcceptor();
        return true;
      case 'impersonate':
        return this.impersonate();
    }
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
