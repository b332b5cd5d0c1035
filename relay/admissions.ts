import type { Attachment } from '../src/core/attachment.js';
import type { ConnectionCore } from '../src/core/connection.js';
import { encodeClose } from '../src/protocol/encode.js';
import { type ErrorPayload, TrunklineError } from '../src/protocol/errors.js';
import type { Open, StreamFrame } from '../src/protocol/frames.js';
import type { RelayAccess } from './access-control.js';
import type { RelayContext } from './context.js';
import { Deadlines } from './deadlines.js';

/** Frames of a stream that is still decided on. */
const MAX_HELD_FRAMES = 1024;
/** What each of them takes besides its payload, about. */
const FRAME_BYTES = 256;
/** Questions of one tunnel that nobody has answered yet, though no stream waits for it any more. */
const MAX_UNANSWERED = 256;

/** What became of the question whether a peer may do what it asks for. */
type Route = (connection: ConnectionCore, id: number, open: Open, now: number) => void;

/**
 * Asks whether a peer may listen or connect, and holds its stream until that is decided: what follows the OPEN meanwhile is
 * dealt with afterwards, as if it had come then. What lies here is counted, and past the relay's memory it gives way first.
 *
 *   OPEN ──asked──> held ──yes──> routed, with what has come meanwhile
 *                    │──no, deadline, no memory left──> RESET
 *                    └──RESET, DETACH, connection gone──> forgotten
 *
 * Who asks and leaves, again and again, has asked nevertheless: its questions count until they are answered.
 */
export class Admissions {
  private readonly held = new Deadlines<HeldOpen>();
  private readonly countsOf = new WeakMap<ConnectionCore, Counts>();

  constructor(
    private readonly context: RelayContext,
    private readonly access: RelayAccess,
    private readonly route: Route,
  ) {}

  /** @throws TrunklineError FORBIDDEN, LIMIT_STREAMS, or what `route` throws, where that is known at once */
  admit(connection: ConnectionCore, id: number, open: Open, now: number): void {
    const { target } = open;
    if (target.kind !== 'listen' && target.kind !== 'connect' && target.kind !== 'watch')
      return this.route(connection, id, open, now);
    const name = target.kind === 'watch' ? target.pattern : target.name;
    this.checkRoom(connection);

    let held: HeldOpen | undefined;
    let answered: { refusal: ErrorPayload | undefined } | undefined;
    this.access.authorize(connection, target.kind, name, (refusal) => {
      if (held) this.answered(held, refusal);
      else answered = { refusal };
    });
    if (answered?.refusal) throw TrunklineError.fromPayload(answered.refusal);
    if (answered) return this.route(connection, id, open, now);
    held = this.hold(connection, id, open, now);
  }

  /** @throws TrunklineError LIMIT_STREAMS */
  private checkRoom(connection: ConnectionCore): void {
    const { held, unanswered } = this.countsFor(connection);
    if (held >= this.context.options.limits.maxPendingConnects)
      throw new TrunklineError('LIMIT_STREAMS', `${held} requests of this tunnel are being decided on`);
    if (unanswered >= MAX_UNANSWERED)
      throw new TrunklineError('LIMIT_STREAMS', `${unanswered} requests that were given up are still to be decided on`);
  }

  private countsFor(connection: ConnectionCore): Counts {
    let counts = this.countsOf.get(connection);
    if (counts === undefined) {
      counts = { held: 0, unanswered: 0 };
      this.countsOf.set(connection, counts);
    }
    return counts;
  }

  nextDeadline(): number {
    return this.held.next();
  }

  advance(now: number): void {
    for (const held of this.held.due(now))
      held.refuse({ code: 'ACCEPT_TIMEOUT', reason: 'the relay did not decide in time' });
  }

  private hold(connection: ConnectionCore, id: number, open: Open, now: number): HeldOpen {
    const deadline = now + this.context.options.limits.acceptTimeoutMs;
    const held = new HeldOpen(connection, id, open, deadline, this.context, () => this.givenUp(held));
    connection.attach(id, held);
    this.held.add(held);
    this.countsFor(connection).held++;
    return held;
  }

  private forget(held: HeldOpen): Counts {
    this.held.delete(held);
    const counts = this.countsFor(held.connection);
    counts.held--;
    return counts;
  }

  private givenUp(held: HeldOpen): void {
    this.forget(held).unanswered++;
  }

  private answered(held: HeldOpen, refusal: ErrorPayload | undefined): void {
    const { connection, id } = held;
    const input = held.takeInput();
    if (input === undefined) {
      this.countsFor(connection).unanswered--;
      return;
    }
    this.forget(held);
    connection.release(id, held);
    if (refusal) return connection.refuse(id, refusal);
    const now = this.context.environment.now();
    connection.continueWith(() => this.route(connection, id, input.open, now), input.frames, now);
    this.context.deadlineMoved();
  }
}

/** Of one tunnel. */
interface Counts {
  held: number;
  unanswered: number;
}

/** What has come of a stream. */
interface Input {
  open: Open;
  frames: StreamFrame[];
}

/** A stream whose OPEN is not answered, because nobody has decided yet. */
class HeldOpen implements Attachment {
  readonly passesPayloads = false;
  /** Undefined once it is answered, or given up. */
  private input: Input | undefined;
  private payloadBytes = 0;

  constructor(
    readonly connection: ConnectionCore,
    readonly id: number,
    open: Open,
    readonly deadline: number,
    private readonly context: RelayContext,
    private readonly givenUp: () => void,
  ) {
    this.input = { open, frames: [] };
  }

  receive(frame: StreamFrame): void {
    if (frame.type === 'RESET' || frame.type === 'DETACH') return this.leave(frame.type === 'RESET');
    const { memory, options } = this.context;
    const { earlyWindowBytes } = options.limits;
    const frames = this.input?.frames ?? [];
    const length = frame.type === 'DATA' ? frame.payload.length : 0;
    if (this.payloadBytes + length > earlyWindowBytes)
      throw new TrunklineError('FLOW_CONTROL', `over ${earlyWindowBytes} bytes before ACCEPT`);
    if (frames.length >= MAX_HELD_FRAMES)
      throw new TrunklineError('LIMIT_RATE', `over ${MAX_HELD_FRAMES} frames before ACCEPT`);
    frames.push(frame);
    this.payloadBytes += length;
    memory.add(length + FRAME_BYTES);
    // Otherwise those whose streams are under way would be cut for it.
    if (memory.isOver) this.refuse({ code: 'LIMIT_RATE', reason: 'the relay holds as much as it can' });
  }

  /** From now on nothing of it is held here. */
  takeInput(): Input | undefined {
    const { input, payloadBytes } = this;
    this.input = undefined;
    this.payloadBytes = 0;
    if (input !== undefined) this.context.memory.add(-payloadBytes - input.frames.length * FRAME_BYTES);
    return input;
  }

  refuse(error: ErrorPayload): void {
    if (this.giveUp()) this.connection.refuse(this.id, error);
  }

  detach(): void {
    this.giveUp();
  }

  private leave(isReset: boolean): void {
    this.giveUp();
    if (isReset) this.connection.reply(encodeClose(this.id));
  }

  /** False where that has been done, or it was answered. */
  private giveUp(): boolean {
    if (this.takeInput() === undefined) return false;
    this.connection.release(this.id, this);
    this.givenUp();
    return true;
  }

  limitsKnown(): void {}

  // Nothing is sent before there is an answer.
  writeCredit(): number {
    return 0;
  }

  sendableBytes(): number {
    return 0;
  }

  copiedBytes(): number {
    return 0;
  }

  writeData(): void {}
}
