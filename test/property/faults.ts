import type { SeededRandom } from '../support/seeded-random.js';
import type { Link, SimulatedNetwork } from '../support/simulated-network.js';

/** What may happen to any connection. */
const LINK_FAULTS = {
  cut: (link: Link) => link.cut(),
  tear: (link: Link, random: SeededRandom) => link.tear(random.pick(['dialer', 'acceptor']), random.integer(0, 4000)),
  halfOpen: (link: Link, random: SeededRandom) => {
    const which = random.integer(0, 2);
    if (which !== 0) link.up.swallow();
    if (which !== 1) link.down.swallow();
  },
  stall: (link: Link, random: SeededRandom) => random.pick([link.up, link.down]).stall(random.integer(1, 3000)),
  delay: (link: Link, random: SeededRandom) => random.pick([link.up, link.down]).delay(random.integer(1, 3000)),
};
type LinkFault = keyof typeof LINK_FAULTS;

/** How often each kind comes, by itself and among the others. */
export type Weights<Own extends string> = Readonly<Record<LinkFault | Own, number>>;
export type FaultCounts<Own extends string> = Record<LinkFault | Own, number>;

/** Draws what goes wrong next: what may happen to any connection, and what a world of its own has. */
export abstract class Faults<Own extends string> {
  readonly totals: FaultCounts<Own>;
  private readonly drawn: (LinkFault | Own)[];

  protected constructor(
    weights: Weights<Own>,
    private readonly network: SimulatedNetwork,
    protected readonly random: SeededRandom,
    impossible: readonly Own[] = [],
  ) {
    const kinds = Object.keys(weights) as (LinkFault | Own)[];
    this.totals = Object.fromEntries(kinds.map((fault) => [fault, 0])) as FaultCounts<Own>;
    const possible = kinds.filter((fault) => !(impossible as readonly string[]).includes(fault));
    this.drawn = possible.flatMap((fault) => Array.from({ length: weights[fault] }, () => fault));
  }

  /** One fault, if it can happen now. */
  inject(): void {
    const fault = this.random.pick(this.drawn);
    if (isOfLink(fault) ? this.breakLink(fault) : this.perform(fault as Own)) this.totals[fault]++;
  }

  /** Returns whether it could happen. */
  protected abstract perform(fault: Own): boolean;

  private breakLink(fault: LinkFault): boolean {
    const links = this.network.openLinks;
    if (links.length === 0) return false;
    LINK_FAULTS[fault](this.random.pick(links), this.random);
    return true;
  }
}

function isOfLink(fault: string): fault is LinkFault {
  return fault in LINK_FAULTS;
}
