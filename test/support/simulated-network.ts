import type { ConnectionCore } from '../../src/core/connection.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { SeededRandom } from './seeded-random.js';
import type { VirtualClock } from './virtual-clock.js';

/** How a network behaves. Times in milliseconds, each range with both ends included. */
export interface Conditions {
  /** From a message's sending to its arrival; messages of one direction never overtake each other. */
  delayMs: readonly [number, number];
  /** A direction takes no more messages while it holds this many bytes. */
  bufferBytes: number;
  /** After a message was taken, how likely the direction takes none for a while, and for how long. */
  stallChance: number;
  stallMs: readonly [number, number];
}

export const FAIR_WEATHER: Conditions = { delayMs: [1, 1], bufferBytes: 1024 * 1024, stallChance: 0, stallMs: [0, 0] };

/** Something with deadlines that is not a connection: a relay, an endpoint that waits to dial again. */
export interface Machine {
  nextDeadline(): number;
  advance(now: number): void;
}

interface Message {
  bytes: Uint8Array;
  arrivesAt: number;
}

/** One direction of a link: from one core's `takeMessage` to the other core's `receive`. */
export class Pipe {
  private readonly inFlight: Message[] = [];
  private inFlightBytes = 0;
  private stalledUntil = Number.NEGATIVE_INFINITY;
  private isShut = false;
  /** A pipe that swallows what it is given: one half of a half-open connection. */
  isBlackHole = false;

  constructor(
    readonly from: ConnectionCore,
    readonly to: ConnectionCore,
    private readonly clock: VirtualClock,
    private readonly random: SeededRandom,
    private readonly conditions: Conditions,
  ) {}

  get isEmpty(): boolean {
    return this.inFlight.length === 0;
  }

  /** Nothing more will ever come out of it. */
  get isOver(): boolean {
    return this.isShut && this.isEmpty;
  }

  get queuedBytes(): number {
    return this.inFlightBytes;
  }

  get isWritable(): boolean {
    return !this.isShut && this.clock.now() >= this.stalledUntil && this.inFlightBytes < this.conditions.bufferBytes;
  }

  get mayDeliver(): boolean {
    const first = this.inFlight[0];
    return first !== undefined && first.arrivesAt <= this.clock.now();
  }

  /** When something becomes possible here that is not possible now. */
  nextChange(): number {
    const arrival = this.inFlight[0]?.arrivesAt ?? Number.POSITIVE_INFINITY;
    const isHeldBack = !this.isShut && this.stalledUntil > this.clock.now() && this.from.hasOutput;
    return Math.min(arrival, isHeldBack ? this.stalledUntil : Number.POSITIVE_INFINITY);
  }

  /** No message is taken for this long. */
  stall(forMs: number): void {
    this.stalledUntil = Math.max(this.stalledUntil, this.clock.now() + forMs);
  }

  /** Takes one message from its core. Returns false when there was none. */
  load(): boolean {
    const taken = this.from.takeMessage();
    // As a socket does: what it has been given and what comes out at the other end are different memory.
    if (taken !== undefined) this.put(taken.slice());
    if (this.from.hasEnded && !this.from.hasOutput) this.isShut = true;
    return taken !== undefined;
  }

  deliver(): void {
    const message = this.inFlight.shift() as Message;
    this.inFlightBytes -= message.bytes.length;
    this.to.receive(message.bytes, this.clock.now());
  }

  /** What is on its way is lost, and nothing more is taken. */
  cut(): void {
    this.inFlight.length = 0;
    this.inFlightBytes = 0;
    this.isShut = true;
  }

  private put(bytes: Uint8Array): void {
    const { delayMs, stallChance, stallMs } = this.conditions;
    if (this.random.chance(stallChance)) this.stall(this.random.integer(...stallMs));
    if (this.isBlackHole) return;
    const earliest = this.inFlight.at(-1)?.arrivesAt ?? 0;
    const arrivesAt = Math.max(earliest, this.clock.now() + this.random.integer(...delayMs));
    this.inFlight.push({ bytes, arrivesAt });
    this.inFlightBytes += bytes.length;
  }
}

/** A connection between two cores: two pipes with one fate. */
export class Link {
  private hasClosed = false;

  constructor(
    readonly dialer: ConnectionCore,
    readonly acceptor: ConnectionCore,
    readonly up: Pipe,
    readonly down: Pipe,
  ) {}

  get isClosed(): boolean {
    return this.hasClosed;
  }

  /** The transport dies at both ends at once; what was on its way is lost. */
  cut(): void {
    this.up.cut();
    this.down.cut();
    this.close();
  }

  /** An orderly end reaches the other side behind everything that was sent before it. */
  closeIfOver(): void {
    if (this.up.isOver || this.down.isOver) this.close();
  }

  private close(): void {
    if (this.hasClosed) return;
    this.hasClosed = true;
    const lost = () => new TrunklineError('CONNECTION_LOST', 'the simulated connection is gone');
    this.dialer.lost(lost());
    this.acceptor.lost(lost());
  }
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
    for (const { dialer, acceptor } of this.links)
      earliest = Math.min(earliest, dialer.nextDeadline(), acceptor.nextDeadline());
    for (const machine of this.machines) earliest = Math.min(earliest, machine.nextDeadline());
    return earliest;
  }

  private passTimeTo(time: number): void {
    this.clock.advanceTo(time);
    for (const { dialer, acceptor } of this.links) {
      if (dialer.nextDeadline() <= time) dialer.advance(time);
      if (acceptor.nextDeadline() <= time) acceptor.advance(time);
    }
    for (const machine of this.machines) if (machine.nextDeadline() <= time) machine.advance(time);
  }
}
