import type { StreamCore, StreamEvent } from '../../src/core/stream.js';
import type { ErrorCode } from '../../src/protocol/codes.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { VirtualClock } from '../support/virtual-clock.js';

/** The byte at an offset of one direction: nothing has to be stored to know what should have come. */
function byteAt(salt: number, offset: number): number {
  return Math.imul(offset ^ salt, 0x9e37_79b1) >>> 24;
}

function makeBytes(salt: number, from: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => byteAt(salt, from + index));
}

export class Violation extends Error {}

/** What the application that holds a stream may have done to it, or been told of it, and nothing comes after. */
type Life = 'live' | 'closed' | 'failed' | 'given up';

/**
 * One end of a stream as an application sees it, and what must be true of it. Both directions' bytes are known by their
 * offset, so a byte that is lost, doubled, out of order or another stream's does not fit.
 */
export class ModelStream {
  life: Life = 'live';
  written = 0;
  received = 0;
  consumed = 0;
  isPaused = true;
  hasEnded = false;
  hasOpened = false;
  sawEnd = false;
  sawDelivered = false;
  failure: TrunklineError | undefined;
  suspendedSince: number | undefined;
  suspensions = 0;
  /** The other end, once it exists. */
  other: ModelStream | undefined;
  private lent: Uint8Array[] = [];

  constructor(
    readonly core: StreamCore,
    private readonly clock: VirtualClock,
    private readonly saltOut: number,
    private readonly saltIn: number,
    /** How much of either direction may lie here, and whether what was sent is kept to be sent again. */
    private readonly limits: { maxBytes: number; retains: boolean },
  ) {}

  get isLive(): boolean {
    return this.life === 'live';
  }

  get hasFailed(): boolean {
    return this.life === 'failed' || this.life === 'given up';
  }

  // ── what the application does ────────────────────────────────────────────────────────────────────────────────────

  write(length: number): void {
    if (!this.isLive || this.hasEnded || length === 0) return;
    const bytes = makeBytes(this.saltOut, this.written, length);
    this.written += length;
    this.lent.push(bytes);
    this.core.write(bytes);
    // Small enough to have been taken at once, or waiting for `drained`.
    this.scribbleIfDrained();
  }

  end(): void {
    if (!this.isLive || this.hasEnded) return;
    this.hasEnded = true;
    this.core.end();
  }

  read(length: number): void {
    const taken = Math.min(length, this.received - this.consumed);
    if (taken === 0 || !this.isLive) return;
    this.consumed += taken;
    this.core.consume(taken);
  }

  destroy(code: ErrorCode = 'CANCELED'): void {
    if (!this.isLive) return;
    this.life = 'given up';
    this.core.reset(new TrunklineError(code, 'given up by the model'));
  }

  // ── what it is told ──────────────────────────────────────────────────────────────────────────────────────────────

  handle(event: StreamEvent): void {
    if (!this.isLive) throw new Violation(`${event.type} on a stream that is ${this.life}`);
    switch (event.type) {
      case 'opened':
        if (this.hasOpened) throw new Violation('opened twice');
        this.hasOpened = true;
        return;
      case 'data':
        return this.handleData(event.bytes);
      case 'end':
        return this.handleEnd();
      case 'drained':
        return this.scribbleIfDrained();
      case 'delivered':
        return this.handleDelivered();
      case 'suspended':
        if (this.suspendedSince !== undefined) throw new Violation('suspended twice');
        this.suspendedSince = this.clock.now();
        this.suspensions++;
        return;
      case 'resumed':
        if (this.suspendedSince === undefined) throw new Violation('resumed without being suspended');
        this.suspendedSince = undefined;
        return;
      case 'failed':
        this.life = 'failed';
        this.failure = event.error;
        return;
      case 'closed':
        if (!this.sawEnd || !this.sawDelivered) throw new Violation('closed before both directions were done');
        this.life = 'closed';
        return;
      default:
        throw new Violation(`${event.type} on a stream that neither listens nor is listened to`);
    }
  }

  private handleData(bytes: Uint8Array): void {
    if (this.sawEnd) throw new Violation('data after end');
    bytes.forEach((byte, index) => {
      const offset = this.received + index;
      if (byte !== byteAt(this.saltIn, offset)) throw new Violation(`a wrong byte at offset ${offset}`);
    });
    this.received += bytes.length;
    if (this.received > this.sent()) throw new Violation(`${this.received} bytes came of ${this.sent()} written`);
    if (!this.isPaused) this.read(bytes.length);
  }

  private handleEnd(): void {
    if (this.sawEnd) throw new Violation('end twice');
    if (!this.other?.hasEnded) throw new Violation('end, which nobody asked for');
    if (this.received !== this.sent()) throw new Violation(`end after ${this.received} of ${this.sent()} bytes`);
    this.sawEnd = true;
  }

  private handleDelivered(): void {
    if (this.sawDelivered) throw new Violation('delivered twice');
    if (!this.hasEnded) throw new Violation('delivered without end');
    if (!this.other?.sawEnd) throw new Violation('delivered before the other end had it all');
    if (this.other.received !== this.written) throw new Violation('delivered with bytes missing');
    this.sawDelivered = true;
  }

  private sent(): number {
    return this.other?.written ?? 0;
  }

  /** What is no longer pending is the application's again, which may overwrite it. */
  private scribbleIfDrained(): void {
    if (this.core.pendingBytes > 0) return;
    for (const bytes of this.lent) bytes.fill(0xee);
    this.lent = [];
  }

  // ── what holds at any moment ─────────────────────────────────────────────────────────────────────────────────────

  check(): void {
    const { unreadBytes, retainedBytes, pendingBytes } = this.core;
    if (unreadBytes > this.limits.maxBytes) throw new Violation(`${unreadBytes} bytes lie unread`);
    if (!this.isLive) {
      if (retainedBytes + pendingBytes > 0) throw new Violation(`a stream that is ${this.life} still holds bytes`);
      return;
    }
    if (unreadBytes !== this.received - this.consumed) throw new Violation('the unread bytes are miscounted');
    if (retainedBytes > this.limits.maxBytes) throw new Violation(`${retainedBytes} bytes are retained`);
    // A stream that goes on elsewhere is told what the other side has, read or not.
    const known = this.other?.received ?? 0;
    if (this.limits.retains && !this.sawDelivered && retainedBytes + pendingBytes < this.written - known)
      throw new Violation('bytes are gone that the other side has not got');
  }

  describe(): string {
    const { written, received, hasOpened, hasEnded, sawEnd, sawDelivered, life } = this;
    const { currentPhase: phase, pendingBytes, retainedBytes, unreadBytes, isInitiator, isSuspended } = this.core;
    const seen = { life, written, received, hasOpened, hasEnded, sawEnd, sawDelivered };
    return JSON.stringify({ ...seen, phase, pendingBytes, retainedBytes, unreadBytes, isInitiator, isSuspended });
  }
}
