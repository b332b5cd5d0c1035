import type { ConnectionCore } from '../../src/core/connection.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { SeededRandom } from './seeded-random.js';
import { takeMessage } from './take-message.js';
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

  /** What is on its way takes so much longer, and everything behind it. */
  delay(forMs: number): void {
    for (const message of this.inFlight) message.arrivesAt += forMs;
  }

  /** No message is taken for this long. */
  stall(forMs: number): void {
    this.stalledUntil = Math.max(this.stalledUntil, this.clock.now() + forMs);
  }

  /** Takes one message from its core. Returns false when there was none. */
  load(): boolean {
    const taken = takeMessage(this.from);
    // As a socket does: what it has been given and what comes out at the other end are different memory.
    if (taken !== undefined) this.put(taken.slice());
    if (this.from.hasEnded && !this.from.hasOutput) this.isShut = true;
    return taken !== undefined;
  }

  /** Called with each message that arrives, before it does. */
  onDeliver: (message: Uint8Array) => void = () => {};

  deliver(): void {
    const message = this.inFlight.shift() as Message;
    this.inFlightBytes -= message.bytes.length;
    this.onDeliver(message.bytes);
    this.to.receive(message.bytes, this.clock.now());
  }

  now(): number {
    return this.clock.now();
  }

  /** What is on its way is lost, and everything that is still sent. */
  swallow(): void {
    this.inFlight.length = 0;
    this.inFlightBytes = 0;
    this.isBlackHole = true;
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
  private tornUntil = Number.POSITIVE_INFINITY;

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

  /** The transport dies; one end learns of it now, the other so much later, and until then speaks to nobody. */
  tear(first: 'dialer' | 'acceptor', laterMs: number): void {
    if (this.isTorn) return this.cut();
    for (const pipe of [this.up, this.down]) pipe.swallow();
    this.tornUntil = this.up.now() + laterMs;
    this[first].lost(lost());
  }

  /** One half, or both, are dead, and nobody may know. */
  get isHalfOpen(): boolean {
    return this.up.isBlackHole || this.down.isBlackHole;
  }

  /** When something becomes due here that no message brings. */
  nextDeadline(): number {
    return this.hasClosed ? Number.POSITIVE_INFINITY : this.tornUntil;
  }

  advance(now: number): void {
    if (this.tornUntil <= now) this.close();
  }

  /** An orderly end reaches the other side behind everything that was sent before it; not over a half that is dead. */
  closeIfOver(): void {
    if (this.isTorn) return;
    const isKnown = [this.up, this.down].some((pipe) => pipe.isOver && !pipe.isBlackHole);
    if (isKnown || (this.up.isOver && this.down.isOver)) this.close();
  }

  private get isTorn(): boolean {
    return this.tornUntil < Number.POSITIVE_INFINITY;
  }

  private close(): void {
    if (this.hasClosed) return;
    this.hasClosed = true;
    this.dialer.lost(lost());
    this.acceptor.lost(lost());
  }
}

function lost(): TrunklineError {
  return new TrunklineError('CONNECTION_LOST', 'the simulated connection is gone');
}
