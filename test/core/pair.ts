import { ConnectionCore, type ConnectionOwner } from '../../src/core/connection.js';
import { DEFAULT_WINDOW, type WindowOptions } from '../../src/core/receive-half.js';
import { StreamCore, type StreamEvent } from '../../src/core/stream.js';
import { TunnelCore, type TunnelEvent } from '../../src/core/tunnel.js';
import type { Open } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS, type Limits } from '../../src/protocol/limits.js';

const HEARTBEAT = { intervalMs: 25_000, timeoutMs: 20_000 };

let idCount = 0;
export const nextId = (): string => (++idCount).toString(16).padStart(32, '0');

/**
 * A tunnel and a bare acceptor that decides by hand: messages pass when `exchange` says so, in order and at once. For
 * what happens in any other order there is the simulation.
 */
export class Pair implements ConnectionOwner {
  readonly tunnel: TunnelCore;
  readonly far: ConnectionCore;
  /** What the tunnel opened and the acceptor has not answered. */
  readonly opens: { id: number; open: Open }[] = [];
  readonly farEvents: StreamEvent[] = [];
  isWelcoming = true;

  constructor(options: { near?: Partial<Limits>; far?: Partial<Limits>; window?: WindowOptions } = {}) {
    this.tunnel = new TunnelCore({
      limits: { ...DEFAULT_LIMITS, ...options.near },
      window: options.window ?? DEFAULT_WINDOW,
      randomId: nextId,
      now: 0,
    });
    this.far = new ConnectionCore({ role: 'acceptor', limits: { ...DEFAULT_LIMITS, ...options.far }, now: 0 }, this);
  }

  exchange(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = this.pass(this.tunnel.connection, this.far);
      isBusy = this.pass(this.far, this.tunnel.connection) || isBusy;
    }
  }

  pass(from: ConnectionCore, to: ConnectionCore): boolean {
    const message = from.takeMessage();
    if (message !== undefined) to.receive(message.slice(), 0);
    return message !== undefined;
  }

  /** The acceptor takes the oldest OPEN. */
  take(window: WindowOptions = DEFAULT_WINDOW): StreamCore {
    const { id, open } = this.opens.shift() as { id: number; open: Open };
    const stream = this.farStream(open.uid, window, this.far.limits.earlyWindowBytes);
    stream.placeOn(this.far, id, open);
    return stream;
  }

  farStream(uid: string, window: WindowOptions = DEFAULT_WINDOW, earlyWindowBytes = 0): StreamCore {
    const observer = (_: StreamCore, event: StreamEvent) => this.farEvents.push(event);
    return new StreamCore({ uid, target: { kind: 'plain' }, meta: null, window, observer }, earlyWindowBytes);
  }

  /** Types of the events since the last call; those of streams by what happened. */
  events(): string[] {
    return this.tunnel.takeEvents().map(describeEvent);
  }

  farTypes(): string[] {
    return this.farEvents.splice(0).map(({ type }) => type);
  }

  helloReceived(): void {
    if (this.isWelcoming) this.far.welcome('far', HEARTBEAT, 0);
  }

  welcomeReceived(): void {}

  openReceived(id: number, open: Open): void {
    this.opens.push({ id, open });
  }

  connectionEnded(): void {}
}

export function describeEvent(event: TunnelEvent): string {
  if (event.type === 'closed') return `closed ${event.error.code}`;
  if (event.type !== 'stream') return event.type;
  return event.event.type === 'failed' ? `failed ${event.event.error.code}` : event.event.type;
}
