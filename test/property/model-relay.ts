import { Leg } from '../../relay/leg.js';
import { type RelayOptions, resolveOptions } from '../../relay/options.js';
import { RelayCore } from '../../relay/relay-core.js';
import type { ConnectionCore } from '../../src/core/connection.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { SeededRandom } from '../support/seeded-random.js';
import type { Machine } from '../support/simulated-network.js';
import type { VirtualClock } from '../support/virtual-clock.js';
import { Violation } from './model-stream.js';

/** What a relay's cores keep to themselves, for tests that ask whether anything is left. */
interface RelayInside {
  connections: Set<ConnectionCore>;
  broker: {
    pendingCount: number;
    pendingResumeCount: number;
    parties: { size: number; values(): Iterable<{ pendingConnects: number; names: number }> };
  };
}

export function relayInside(core: RelayCore): RelayInside {
  return core as unknown as RelayInside;
}

export function legsOf(connection: ConnectionCore): Leg[] {
  const { table } = connection as unknown as { table: { values(): Iterable<unknown> } };
  return [...table.values()].filter((attachment) => attachment instanceof Leg);
}

/** A relay that may be restarted: then it has forgotten everything. Checks the alternation of its names. */
export class ModelRelay implements Machine {
  core: RelayCore;
  isUp = true;
  isDraining = false;
  private heldNames = new Set<string>();

  constructor(
    private readonly options: RelayOptions,
    private readonly random: SeededRandom,
    private readonly clock: VirtualClock,
  ) {
    this.core = this.start();
  }

  private start(): RelayCore {
    const { random, clock } = this;
    const heldNames = new Set<string>();
    this.heldNames = heldNames;
    const environment = {
      randomId: () => random.id(),
      hash: (secret: string) => `public ${secret}`,
      newClaim: () => Math.ceil(clock.now()),
      now: clock.now,
    };
    return new RelayCore(resolveOptions(this.options), random.id(), environment, {
      created: (name) => {
        if (heldNames.has(name)) throw new Violation(`${name} was created twice`);
        heldNames.add(name);
      },
      destroyed: (name) => {
        if (!heldNames.delete(name)) throw new Violation(`${name} was destroyed twice`);
      },
      tunnelOpened: () => {},
      defectFound: (error) => {
        throw error;
      },
    });
  }

  /** The process is gone, without a word. Whose links it had is the caller's to cut. */
  kill(): void {
    this.isUp = false;
    this.isDraining = false;
  }

  restart(): void {
    if (this.isUp) throw new Error('a relay that runs is not started');
    this.core = this.start();
    this.isUp = true;
  }

  nextDeadline(): number {
    return this.isUp ? this.core.nextDeadline() : Number.POSITIVE_INFINITY;
  }

  advance(now: number): void {
    this.core.advance(now);
  }

  check(): void {
    if (!this.isUp) return;
    const { connections, broker } = relayInside(this.core);
    for (const connection of connections) this.checkEgress(connection);
    const { connects, resumes } = this.core.stats;
    const counted = [...broker.parties.values()].reduce((sum, party) => sum + party.pendingConnects, 0);
    if (connects.pending !== broker.pendingCount || connects.pending !== counted)
      throw new Violation(
        `pending connects: ${connects.pending} by the counters, ${broker.pendingCount}, ${counted} by tunnel`,
      );
    if (resumes.pending !== broker.pendingResumeCount)
      throw new Violation(`pending re-opens: ${resumes.pending} by the counters, ${broker.pendingResumeCount}`);
    if (this.core.names.length !== this.heldNames.size) throw new Violation('the names were not told rightly');
  }

  private checkEgress(connection: ConnectionCore): void {
    const { egressBytes, earlyWindowBytes } = this.core.options.limits;
    // The share that a leg was granted is by the number of streams at that time: the first may have had it all.
    const queued = legsOf(connection).map((leg) => leg.outbound.queued);
    const bound = queued.reduce(
      (sum, _, index) => sum + Math.max(earlyWindowBytes, Math.floor(egressBytes / (index + 1))),
      0,
    );
    const total = queued.reduce((sum, bytes) => sum + bytes, 0);
    if (total > bound) throw new Violation(`${total} bytes wait for one tunnel, over ${bound}`);
  }

  /** Nobody has a stream or a name any more. */
  checkIdle(): void {
    const { connections, broker } = relayInside(this.core);
    for (const connection of connections)
      if (connection.streamCount > 0) throw new Violation(`${connection.streamCount} legs are left`);
    if (broker.pendingCount > 0) throw new Violation(`${broker.pendingCount} connects are pending`);
    if (broker.pendingResumeCount > 0) throw new Violation(`${broker.pendingResumeCount} re-opens are pending`);
    if (this.heldNames.size > 0 || this.core.names.length > 0) throw new Violation('names are left');
    const { splices, names } = this.core.stats;
    if (splices.active !== 0) throw new Violation(`${splices.active} splices are left`);
    if (names.reserved !== 0) throw new Violation(`${names.reserved} names are reserved`);
    for (const party of broker.parties.values())
      if (party.names + party.pendingConnects > 0) throw new Violation('a party counts what is gone');
  }

  /** Nobody is connected any more. */
  checkEmpty(): void {
    const { connections, broker } = relayInside(this.core);
    if (connections.size > 0 || broker.parties.size > 0) throw new Violation('a relay remembers its tunnels');
    if (this.core.stats.tunnels.active !== 0) throw new Violation('the tunnel counters are not balanced');
    if (this.nextDeadline() !== Number.POSITIVE_INFINITY) throw new Violation('an empty relay waits for something');
  }

  drain(graceMs: number): void {
    this.isDraining = true;
    this.core.drain(graceMs);
  }

  close(): void {
    this.core.close(new TrunklineError('GOING_AWAY', 'the relay is closing'));
  }
}
