import type { ConnectionCore } from '../../src/core/connection.js';
import type { SeededRandom } from './seeded-random.js';
import { type Conditions, FAIR_WEATHER, Link, Pipe } from './simulated-link.js';
import type { VirtualClock } from './virtual-clock.js';

export { type Conditions, FAIR_WEATHER, Link, Pipe };

/** Something with deadlines that is not a connection: a relay, an endpoint that waits to dial again. */
export interface Machine {
  nextDeadline(): number;
  advance(now: number): void;
}

/** Two cores that answer each other for ever are a defect, which would otherwise show as a test that hangs. */
class StepLimit {
  private left = 500_000;

  count(): void {
    if (this.left-- === 0) throw new Error('the network does not come to rest');
  }
}

/**
 * Connections in memory under a virtual clock. There are no timers: `step` does one thing that can happen now, drawn
 * from all that can, or lets time pass until something can. The same seed gives the same run.
 *
 *   core ──load──> pipe (delay, backpressure) ──deliver──> core
 */
export class SimulatedNetwork {
  private readonly links = new Set<Link>();
  private readonly machines = new Set<Machine>();
  /** Called after every step: takes the cores' events and checks what must always hold. */
  afterStep: () => void = () => {};

  constructor(
    readonly clock: VirtualClock,
    readonly random: SeededRandom,
    private readonly conditions: Conditions = FAIR_WEATHER,
  ) {}

  connect(dialer: ConnectionCore, acceptor: ConnectionCore, conditions: Conditions = this.conditions): Link {
    const pipe = (from: ConnectionCore, to: ConnectionCore) => new Pipe(from, to, this.clock, this.random, conditions);
    const link = new Link(dialer, acceptor, pipe(dialer, acceptor), pipe(acceptor, dialer));
    this.links.add(link);
    return link;
  }

  add(machine: Machine): void {
    this.machines.add(machine);
  }

  remove(machine: Machine): void {
    this.machines.delete(machine);
  }

  get openLinks(): readonly Link[] {
    return [...this.links].filter(({ isClosed }) => !isClosed);
  }

  /** One thing happens. Returns false when the network is quiet: nothing is on its way and no core has a message. */
  step(): boolean {
    for (;;) {
      if (this.act()) break;
      const next = this.nextChange();
      if (next === Number.POSITIVE_INFINITY) return false;
      this.passTimeTo(next);
    }
    this.afterStep();
    return true;
  }

  steps(count: number): void {
    for (let left = count; left > 0 && this.step(); left--);
  }

  /** Everything that needs no deadline to come happens. Heartbeats go on for ever, so they are not waited for. */
  settle(): void {
    const limit = new StepLimit();
    while (this.step()) limit.count();
  }

  /** Lets time pass, with every deadline that falls into it. */
  elapse(milliseconds: number): void {
    const end = this.clock.now() + milliseconds;
    const limit = new StepLimit();
    for (;;) {
      this.settleUntil(end, limit);
      const next = Math.min(this.nextDeadline(), this.nextChange());
      if (next > end) break;
      this.passTimeTo(Math.max(next, this.clock.now()));
      this.afterStep();
    }
    this.passTimeTo(end);
    this.afterStep();
  }

  private settleUntil(end: number, limit: StepLimit): void {
    for (;;) {
      limit.count();
      if (this.act()) this.afterStep();
      else {
        const next = this.nextChange();
        if (next > end || next > this.nextDeadline()) return;
        this.passTimeTo(next);
      }
    }
  }

  /** Does one possible thing, if there is one. */
  private act(): boolean {
    const pipes = [...this.links].flatMap(({ up, down }) => [up, down]);
    const possible = pipes.flatMap((pipe) => [
      ...(pipe.mayDeliver ? [() => this.deliver(pipe)] : []),
      ...(this.mayLoad(pipe) ? [() => this.load(pipe)] : []),
    ]);
    while (possible.length > 0) {
      const chosen = this.random.integer(0, possible.length - 1);
      const [action] = possible.splice(chosen, 1);
      if (action?.()) return true;
    }
    return false;
  }

  /** A core that has ended gets its last word out however full the pipe is, as a driver does. */
  private mayLoad(pipe: Pipe): boolean {
    return pipe.from.hasEnded ? !pipe.isOver : pipe.isWritable && pipe.from.hasOutput;
  }

  private load(pipe: Pipe): boolean {
    const wasOver = pipe.isOver;
    const hasLoaded = pipe.load();
    this.closeLinks();
    return hasLoaded || pipe.isOver !== wasOver;
  }

  private deliver(pipe: Pipe): boolean {
    pipe.deliver();
    this.closeLinks();
    return true;
  }

  private closeLinks(): void {
    for (const link of this.links) {
      link.closeIfOver();
      if (link.isClosed) this.links.delete(link);
    }
  }

  private nextChange(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { up, down } of this.links) earliest = Math.min(earliest, up.nextChange(), down.nextChange());
    return earliest;
  }

  private nextDeadline(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const link of this.links)
      earliest = Math.min(earliest, link.dialer.nextDeadline(), link.acceptor.nextDeadline(), link.nextDeadline());
    for (const machine of this.machines) earliest = Math.min(earliest, machine.nextDeadline());
    return earliest;
  }

  private passTimeTo(time: number): void {
    this.clock.advanceTo(time);
    for (const link of this.links) {
      const { dialer, acceptor } = link;
      if (dialer.nextDeadline() <= time) dialer.advance(time);
      if (acceptor.nextDeadline() <= time) acceptor.advance(time);
      if (link.nextDeadline() <= time) link.advance(time);
    }
    this.closeLinks();
    for (const machine of this.machines) if (machine.nextDeadline() <= time) machine.advance(time);
  }
}
