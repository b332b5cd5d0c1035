import type { ConnectionCore } from '../core/connection.js';
import type { ErrorCode } from '../protocol/codes.js';
import type { TrunklineError } from '../protocol/errors.js';
import { type Message, messageBytes } from '../protocol/message-parts.js';
import type { Connection, ConnectionEnd } from '../transport/connection.js';
import type { Clock } from './clock.js';
import { DeadlineTimer } from './deadline-timer.js';
import { RoundTrips } from './round-trips.js';

/** After GOAWAY and close, how long the other side has to close as well before it is cut off. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Where the platform has no drain event: how often to look, besides at every message that arrives. */
const WRITABLE_POLL_MS = 4;
/**
 * What may go out before the platform gets its turn. An application that writes on as soon as there is room would
 * otherwise use up a whole window in one go, and what arrives would wait for that.
 */
const TURN_BYTES = 256 * 1024;
/** Ends that nobody has to look into. */
const ORDERLY: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['TUNNEL_CLOSED', 'GOING_AWAY']);

/**
 * Pumps one connection's core over one transport, and owns its only timer.
 *
 *   transport ──received──> core ──events──> afterStep() ──commands──> core ──takeMessage──> transport
 */
export class Driver {
  private flushDeferred = false;
  private turnBytes = 0;
  private isYielding = false;
  private isClosing = false;
  private isOver = false;
  private isPaused = false;
  private readonly roundTrips = new RoundTrips();
  /** Bytes of messages, without what the transport puts around them. */
  bytesSent = 0;
  bytesReceived = 0;
  /** Called once, when the transport is closed; `end` is what the transport says of it. */
  onClosed: (end?: ConnectionEnd) => void = () => {};
  onRoundTrip: (roundTripMs: number) => void = () => {};
  private readonly timer: DeadlineTimer;
  private readonly due = () => this.advance();

  constructor(
    private readonly core: ConnectionCore,
    private readonly connection: Connection,
    private readonly clock: Clock,
    /** Deals with what the core has to tell. May give it commands. */
    public afterStep: () => void,
  ) {
    this.timer = new DeadlineTimer(clock);
    core.onOutput = () => this.wake();
    core.onRoundTrip = ({ sequence, roundTripMs }) => {
      this.roundTrips.answered(sequence, roundTripMs);
      this.onRoundTrip(roundTripMs);
    };
    connection.start({
      writable: () => this.flush(),
      received: (bytes, isLast) => {
        this.turnBytes = 0;
        this.bytesReceived += bytes.length;
        core.receive(bytes, clock.now(), isLast);
        this.wake();
      },
      text: () => core.receiveText(),
      closed: (error, end) => this.closed(error, end),
    });
    this.armTimer();
  }

  /** Something was said to the core: send what it made of it, at the end of this turn. */
  wake(): void {
    if (this.flushDeferred || this.isOver) return;
    this.flushDeferred = true;
    this.clock.defer(() => {
      this.flushDeferred = false;
      this.flush();
    });
  }

  /** How long the peer takes to answer, milliseconds. @throws (rejects) TrunklineError why the connection ended; LIMIT_RATE */
  ping(): Promise<number> {
    return this.roundTrips.measure(() => this.core.ping(this.clock.now()));
  }

  /** Cuts the transport off, without a word. */
  terminate(): void {
    this.connection.terminate();
  }

  /** Stops reading, or reads on. False: the platform cannot. */
  setPaused(isPaused: boolean): boolean {
    const { connection } = this;
    if (connection.pause === undefined || connection.resume === undefined) return false;
    this.isPaused = isPaused;
    if (isPaused) connection.pause();
    else connection.resume();
    this.core.inputWithheld(this.clock.now());
    return true;
  }

  /** Sends now what there is, as far as the transport takes it. */
  flush(): void {
    if (this.isOver) return;
    this.afterStep();
    this.sendAll();
    if (this.core.hasEnded) this.close();
    else this.armTimer();
  }

  /**
   * Sending frees buffers, which makes the application write more: go on until neither has anything. A few bytes behind a
   * message wait for the next turn, and leave with what the application has written until then.
   */
  private sendAll(): void {
    while (this.connection.isWritable && !this.core.hasEnded) {
      if (this.turnBytes >= TURN_BYTES) return this.yieldTurn();
      const message = this.core.takeMessage();
      if (message === undefined) return;
      this.turnBytes += this.send(message);
      if (this.connection.copiesMessages) this.core.messageCopied();
      this.afterStep();
      if (this.core.hasLittleOutput) return this.yieldTurn();
    }
  }

  private send(message: Message): number {
    const bytes = messageBytes(message);
    this.bytesSent += bytes;
    this.connection.send(message);
    return bytes;
  }

  private yieldTurn(): void {
    if (this.isYielding) return;
    this.isYielding = true;
    this.clock.yieldTurn(() => {
      this.isYielding = false;
      this.turnBytes = 0;
      this.flush();
    });
  }

  /** The core has ended: its GOAWAY goes out, however full the transport is, and then the transport closes. */
  private close(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    const farewell = this.core.takeMessage();
    if (farewell !== undefined) this.send(farewell);
    const code = this.core.endReason?.code ?? 'INTERNAL';
    // The other side's answer is to be read.
    this.connection.resume?.();
    this.timer.set(this.clock.now() + CLOSE_TIMEOUT_MS, () => this.connection.terminate());
    this.connection.close(ORDERLY.has(code), code);
  }

  private closed(error: TrunklineError, end?: ConnectionEnd): void {
    this.isOver = true;
    this.roundTrips.end(this.core.endReason ?? error);
    this.timer.cancel();
    this.core.lost(error);
    this.afterStep();
    this.onClosed(end);
  }

  private armTimer(): void {
    if (this.isClosing) return;
    const mustPoll = this.core.hasOutput && !this.connection.announcesWritable;
    const now = this.clock.now();
    const at = Math.min(this.core.nextDeadline(), mustPoll ? now + WRITABLE_POLL_MS : Number.POSITIVE_INFINITY);
    this.timer.arm(at, this.due);
  }

  private advance(): void {
    if (this.isPaused) this.core.inputWithheld(this.clock.now());
    this.core.advance(this.clock.now());
    this.flush();
  }
}
