import { expect } from 'vitest';
import type { ConnectionCore } from '../../src/core/connection.js';
import type { StreamCore } from '../../src/core/stream.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { Pair, type PairOptions } from './pair.js';

const CONNECT = { kind: 'connect' as const, name: 'n', waitMs: 0 };
const WINDOW = { windowBytes: 1000, maxWindowBytes: 1000 };
export const RESUME_WINDOW_MS = 60_000;

/** A stream between the tunnel, which opened it, and a stream core at the far end; both can carry it on. */
export class Bench {
  readonly pair: Pair;
  readonly near: StreamCore;
  readonly far: StreamCore;
  private readonly nearTaken: number[] = [];
  private readonly farTaken: number[] = [];

  constructor(options: PairOptions = {}) {
    this.pair = new Pair({
      resumeWindowMs: RESUME_WINDOW_MS,
      window: WINDOW,
      near: { earlyWindowBytes: 0 },
      ...options,
    });
    this.pair.exchange();
    this.near = this.pair.tunnel.open(CONNECT, null);
    this.pair.exchange();
    this.far = this.pair.take(WINDOW);
    this.far.accept({ endpoint: 'there' });
    this.pair.exchange();
    this.told();
  }

  /** Both ends learn of the loss; what was on its way is lost. */
  cut(): void {
    for (const end of [this.pair.near, this.pair.far]) end.lost(new TrunklineError('CONNECTION_LOST', 'cut'));
  }

  /** Another connection, and the far end finds its stream again, if it has it. */
  comeBack(): void {
    this.pair.dial();
    this.pair.exchange();
    for (const { id, open, connection } of this.pair.opens.splice(0)) {
      try {
        this.far.resumeOn(connection, id, open);
      } catch (error) {
        connection.refuse(id, { code: (error as TrunklineError).code, reason: '' });
      }
    }
    this.pair.exchange();
  }

  /** Passes so many messages each way, one way after the other, and no more. */
  passSome(up: number, down: number): void {
    const pass = (from: ConnectionCore, to: ConnectionCore, count: number) => {
      for (let left = count; left > 0; left--) if (!this.pair.pass(from, to)) return;
    };
    pass(this.pair.near, this.pair.far, up);
    pass(this.pair.far, this.pair.near, down);
  }

  /** What both applications were told since the last time. Bytes are read at once. */
  told(): { near: string[]; far: string[] } {
    const near = this.pair.tunnel.takeEvents().flatMap((event) => {
      if (event.type !== 'stream') return [`tunnel ${event.type}`];
      if (event.event.type === 'data') this.nearTaken.push(...this.read(this.near, event.event.bytes));
      return [event.event.type === 'failed' ? `failed ${event.event.error.code}` : event.event.type];
    });
    const far = this.pair.farEvents.splice(0).map((event) => {
      if (event.type === 'data') this.farTaken.push(...this.read(this.far, event.bytes));
      return event.type === 'failed' ? `failed ${event.error.code}` : event.type;
    });
    return { near, far };
  }

  private read(stream: StreamCore, taken: Uint8Array): Uint8Array {
    stream.consume(taken.length);
    return taken;
  }

  get taken(): { near: number[]; far: number[] } {
    this.told();
    return { near: this.nearTaken, far: this.farTaken };
  }

  expectNothingLeft(): void {
    const { tunnel, near, far } = this.pair;
    expect([tunnel.streamCount, tunnel.suspendedCount, near.streamCount, far.streamCount]).toEqual([0, 0, 0, 0]);
    expect([this.near.currentPhase, this.far.currentPhase, this.pair.farSuspended.size]).toEqual([
      'closed',
      'closed',
      0,
    ]);
  }
}
