import { ConnectionCore, type ConnectionOwner } from '../../src/core/connection.js';
import { DEFAULT_WINDOW, type WindowOptions } from '../../src/core/receive-half.js';
import { ResumeKey } from '../../src/core/resume-key.js';
import { StreamCore, type StreamEvent } from '../../src/core/stream.js';
import { NO_KEEPER, type StreamKeeper } from '../../src/core/stream-keeper.js';
import { createDialedTunnel, type DialedTunnelCore, type TunnelEvent } from '../../src/core/tunnel.js';
import type { Open } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS, type Limits } from '../../src/protocol/limits.js';
import { takeMessage } from '../support/take-message.js';
import { VirtualClock } from '../support/virtual-clock.js';

const HEARTBEAT = { intervalMs: 25_000, timeoutMs: 20_000 };

let idCount = 0;
export const nextId = (): string => (++idCount).toString(16).padStart(32, '0');

/** Text that shows what was proven and by which key; nothing that keeps a secret. */
export function plainProve(key: string, statement: string): string {
  return `${statement} ${key}`;
}

export interface PairOptions {
  near?: Partial<Limits>;
  far?: Partial<Limits>;
  window?: WindowOptions;
  /** Default 0: nothing outlives its connection. */
  resumeWindowMs?: number;
  firstDials?: number;
  /** Default 0: what is tried again is tried at once. */
  random?: () => number;
}

export interface Opened {
  id: number;
  open: Open;
  connection: ConnectionCore;
}

/**
 * A tunnel and a bare acceptor that decides by hand: messages pass when `exchange` says so, in order and at once. For
 * what happens in any other order there is the simulation.
 */
export class Pair {
  readonly clock = new VirtualClock();
  readonly tunnel: DialedTunnelCore;
  /** The two ends of the connection that was dialed last. */
  near!: ConnectionCore;
  far!: ConnectionCore;
  /** What the tunnel opened and the acceptor has not answered. */
  readonly opens: Opened[] = [];
  readonly farEvents: StreamEvent[] = [];
  readonly farSuspended = new Set<StreamCore>();
  isWelcoming = true;

  constructor(private readonly options: PairOptions = {}) {
    this.tunnel = createDialedTunnel({
      limits: { ...DEFAULT_LIMITS, ...options.near },
      window: options.window ?? DEFAULT_WINDOW,
      randomId: nextId,
      random: options.random ?? (() => 0),
      now: this.clock.now,
      prove: plainProve,
      resumeWindowMs: options.resumeWindowMs ?? 0,
      ...(options.firstDials === undefined ? {} : { firstDials: options.firstDials }),
    });
    this.dial();
  }

  /** Another connection; the one before is left as it is. */
  dial(): void {
    this.near = this.tunnel.connections.dial();
    const limits = { ...DEFAULT_LIMITS, ...this.options.far };
    const far: ConnectionCore = new ConnectionCore(
      { role: 'acceptor', limits, now: this.clock.now() },
      this.ownerOf(() => far),
    );
    this.far = far;
  }

  private ownerOf(connection: () => ConnectionCore): ConnectionOwner {
    return {
      helloReceived: (_, now) => {
        if (this.isWelcoming)
          connection().welcome({ relayId: 'far', heartbeat: HEARTBEAT, resumeWindowMs: 60_000 }, now);
      },
      welcomeReceived: () => {},
      noticeReceived: () => {},
      openReceived: (id, open) => this.opens.push({ id, open, connection: connection() }),
      connectionEnded: () => {},
    };
  }

  exchange(near = this.near, far = this.far): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = this.pass(near, far);
      isBusy = this.pass(far, near) || isBusy;
    }
  }

  pass(from: ConnectionCore, to: ConnectionCore): boolean {
    const message = takeMessage(from);
    if (message !== undefined) to.receive(message.slice(), this.clock.now());
    return message !== undefined;
  }

  /** Time passes, and the tunnel does what is due. */
  elapse(milliseconds: number): void {
    this.clock.advanceTo(this.clock.now() + milliseconds);
    this.tunnel.advance();
  }

  /** The acceptor takes the oldest OPEN. */
  take(window: WindowOptions = DEFAULT_WINDOW): StreamCore {
    const { id, open, connection } = this.opens.shift() as Opened;
    const stream = this.farStream(open.uid, window, connection.limits.earlyWindowBytes, open.key);
    stream.placeOn(connection, id, open);
    return stream;
  }

  /** The acceptor finds that the oldest OPEN is for a stream that it has. */
  takeAgain(stream: StreamCore): void {
    const { id, open, connection } = this.opens.shift() as Opened;
    stream.resumeOn(connection, id, open);
  }

  farStream(uid: string, window: WindowOptions = DEFAULT_WINDOW, earlyWindowBytes = 0, secret?: string): StreamCore {
    const options = { uid, target: { kind: 'plain' as const }, meta: null, window };
    const observer = (_: StreamCore, event: StreamEvent) => void this.farEvents.push(event);
    const key = secret === undefined ? undefined : new ResumeKey(secret, uid, plainProve);
    return new StreamCore({ ...options, observer, isInitiator: false, key, keeper: this.farKeeper }, earlyWindowBytes);
  }

  private readonly farKeeper: StreamKeeper = {
    ...NO_KEEPER,
    survives: () => true,
    suspended: (stream) => this.farSuspended.add(stream),
    settled: (stream) => this.farSuspended.delete(stream),
    gone: (stream) => this.farSuspended.delete(stream),
  };

  /** Types of the events since the last call; those of streams by what happened. */
  events(): string[] {
    return this.tunnel.takeEvents().map(describeEvent);
  }

  farTypes(): string[] {
    return this.farEvents.splice(0).map(({ type }) => type);
  }
}

export function describeEvent(event: TunnelEvent): string {
  if (event.type === 'closed') return `closed ${event.error.code}`;
  if (event.type !== 'stream') return event.type;
  return event.event.type === 'failed' ? `failed ${event.event.error.code}` : event.event.type;
}
