import type { StreamCore } from '../../src/core/stream.js';
import type { DialedTunnelCore, TunnelEvent } from '../../src/core/tunnel.js';
import type { Offer } from '../../src/protocol/frames.js';
import type { SeededRandom } from '../support/seeded-random.js';
import type { Machine } from '../support/simulated-network.js';
import type { VirtualClock } from '../support/virtual-clock.js';

const NEVER = Number.POSITIVE_INFINITY;
/** Short beside every window: a seed is about faults, not about patience. */
const REDIAL_MS = 300;
const REDIAL_AFTER_FAILURE_MS = 1000;

/** One endpoint: a tunnel that dials again, the name it listens on, and the offers that its application has not answered. */
export class ModelTunnel implements Machine {
  listener: StreamCore | undefined;
  readonly offers: { offer: Offer; listener: StreamCore }[] = [];
  hasClosed = false;
  /** Some of the time nobody listened, so a connect may rightly fail. */
  wasDown = true;
  readonly refusedUids = new Set<string>();
  private dialAt = NEVER;

  constructor(
    readonly core: DialedTunnelCore,
    readonly name: string,
    /** The one it is bound to, in worlds where tunnels do not move. */
    readonly relayIndex: number,
    private readonly clock: VirtualClock,
    private readonly random: SeededRandom,
    /** Dials whatever relay there is. */
    private readonly dial: (tunnel: ModelTunnel) => void,
  ) {}

  /** What the tunnel asks of whoever dials for it. */
  handle(event: TunnelEvent): void {
    switch (event.type) {
      case 'open':
      case 'resumed':
      case 'closed':
        this.dialAt = NEVER;
        return;
      case 'suspended':
        return this.dialIn(this.random.integer(0, REDIAL_MS));
      case 'dialFailed':
        return this.dialIn(this.random.integer(1, REDIAL_AFTER_FAILURE_MS));
      case 'turnedAway':
        return this.dialIn(event.retryAfterMs);
      default:
    }
  }

  private dialIn(delayMs: number): void {
    this.dialAt = this.clock.now() + delayMs;
  }

  nextDeadline(): number {
    return Math.min(this.dialAt, this.core.nextDeadline());
  }

  advance(now: number): void {
    if (this.dialAt <= now) {
      this.dialAt = NEVER;
      this.dial(this);
    }
    if (this.core.nextDeadline() <= now) this.core.advance();
  }
}
