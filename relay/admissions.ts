import type { Attachment } from '../src/core/attachment.js';
import type { ConnectionCore } from '../src/core/connection.js';
import { encodeClose } from '../src/protocol/encode.js';
import { type ErrorPayload, TrunklineError } from '../src/protocol/errors.js';
import type { Open, StreamFrame } from '../src/protocol/frames.js';
import type { RelayAccess } from './access-control.js';
import type { RelayContext } from './context.js';
import { Deadlines } from './deadlines.js';

/** Frames of a stream that is still decided on; each has at least a header's worth of memory. */
const MAX_HELD_FRAMES = 1024;

/** What became of the question whether a peer may do what it asks for. */
type Route = (connection: ConnectionCore, id: number, open: Open, now: number) => void;

/**
 * Asks whether a peer may listen or connect, and holds its stream until that is decided: what follows the OPEN meanwhile is
 * dealt with afterwards, as if it had come then.
 *
 *   OPEN ──asked──> held ──yes──> routed, with what has come meanwhile
 *                    │──no, deadline──> RESET
 *                    └──RESET, DETACH, connection gone──> forgotten
 */
export class Admissions {
  private readonly held = new Deadlines<HeldOpen>();
  private readonly countOf = new WeakMap<ConnectionCore, number>();

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
    const heldCount = this.countOf.get(connection) ?? 0;
    if (heldCount >= this.context.options.limits.maxPendingConnects)
      throw new TrunklineError('LIMIT_STREAMS', `${heldCount} requests of this tunnel are being decided on`);

    let held: HeldOpen | undefined;
    let answered: { refusal: ErrorPayload | undefined } | undefined;
    this.access.authorize(connection, target.kind, name, (refusal) => {
      if (held) this.decided(held, refusal);
      else answered = { refusal };
    });
    if (answered?.refusal) throw TrunklineError.fromPayload(answered.refusal);
    if (answered) return this.route(connection, id, open, now);
    held = this.hold(connection, id, open, now);
  }

  nextDeadline(): number {
    return this.held.next();
  }

  advance(now: number): void {
    for (const held of this.held.due(now))
      this.decided(held, { code: 'ACCEPT_TIMEOUT', reason: 'the relay did not decide in time' });
  }

  private hold(connection: ConnectionCore, id: number, open: Open, now: number): HeldOpen {
    const { acceptTimeoutMs, earlyWindowBytes } = this.context.options.limits;
    const held = new HeldOpen(connection, id, open, now + acceptTimeoutMs, earlyWindowBytes, () => this.forget(held));
    connection.attach(id, held);
    this.held.add(held);
    this.countOf.set(connection, (this.countOf.get(connection) ?? 0) + 1);
    return held;
  }

  private forget(held: HeldOpen): boolean {
    if (!this.held.delete(held)) return false;
    this.countOf.set(held.connection, (this.countOf.get(held.connection) ?? 1) - 1);
    return true;
  }

  private decided(held: HeldOpen, refusal: ErrorPayload | undefined): void {
    const { connection, id, open } = held;
    if (!this.forget(held)) return;
    connection.release(id, held);
    if (refusal) return connection.refuse(id, refusal);
    const now = this.context.environment.now();
    connection.continueWith(() => this.route(connection, id, open, now), held.frames, now);
    this.context.deadlineMoved();
  }
}

/** A stream whose OPEN is not answered, because nobody has decided yet. */
class HeldOpen implements Attachment {
  readonly passesPayloads = false;
  readonly frames: StreamFrame[] = [];
  private bytes = 0;

  constructor(
    readonly connection: ConnectionCore,
    readonly id: number,
    readonly open: Open,
    readonly deadline: number,
    private readonly earlyWindowBytes: number,
    private readonly forget: () => void,
  ) {}

  receive(frame: StreamFrame): void {
    if (frame.type === 'RESET' || frame.type === 'DETACH') return this.giveUp(frame.type === 'RESET');
    if (frame.type === 'DATA') this.bytes += frame.payload.length;
    if (this.bytes > this.earlyWindowBytes)
      throw new TrunklineError('FLOW_CONTROL', `over ${this.earlyWindowBytes} bytes before ACCEPT`);
    if (this.frames.length >= MAX_HELD_FRAMES)
      throw new TrunklineError('LIMIT_RATE', `over ${MAX_HELD_FRAMES} frames before ACCEPT`);
    this.frames.push(frame);
  }

  private giveUp(isReset: boolean): void {
    this.forget();
    this.connection.release(this.id, this);
    if (isReset) this.connection.reply(encodeClose(this.id));
  }

  detach(): void {
    this.forget();
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
