import type { TunnelCore, TunnelEvent } from '../core/tunnel.js';
import type { Clock } from './clock.js';
import { DeadlineTimer } from './deadline-timer.js';
import { runListener } from './failures.js';

/** Who is told of the events. */
export interface EventHandler {
  handle(event: TunnelEvent): void;
  /** Everything has been told. */
  done(): void;
}

/**
 * Takes a tunnel's core through time, and owns its only timer.
 *
 *   timer, connections ──run()──> core ──events──> handler ──commands──> core
 */
export class EventPump {
  private readonly timer: DeadlineTimer;
  private readonly due = () => this.run();
  private isRunning = false;

  constructor(
    private readonly core: TunnelCore,
    private readonly clock: Clock,
    private readonly handler: EventHandler,
  ) {
    this.timer = new DeadlineTimer(clock);
  }

  /** Does what is due, and tells what has happened. */
  run(): void {
    // An application may, from inside an event, do what leads here again; the outer loop goes on with what that made.
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      if (this.core.nextDeadline() <= this.clock.now()) this.core.advance();
      for (let events = this.core.takeEvents(); events.length > 0; events = this.core.takeEvents()) {
        for (const event of events) runListener(() => this.handler.handle(event));
      }
    } finally {
      this.isRunning = false;
    }
    this.handler.done();
    this.armTimer();
  }

  /** The core may have another deadline. */
  armTimer(): void {
    this.timer.arm(this.core.nextDeadline(), this.due);
  }
}
