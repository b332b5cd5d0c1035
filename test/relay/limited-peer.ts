import type { RelayOptions } from '../../relay/options.js';
import type { RelayCore } from '../../relay/relay-core.js';
import { encodeReset } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Frame } from '../../src/protocol/frames.js';
import { CorePeer, makeRelay } from './core-peer.js';

/** A relay and peers of it that come from addresses; all by one clock. */
export class LimitedRelay {
  readonly clock = { now: 1_000_000 };
  readonly core: RelayCore;

  constructor(options: RelayOptions = {}) {
    this.core = makeRelay(options, this.clock).core;
  }

  peer(address = '192.0.2.1', endpoint?: string): LimitedPeer {
    // As if the transport had said where it is from.
    const from: RelayCore = Object.create(this.core, {
      accept: { value: (now: number) => this.core.accept(now, { address }) },
    });
    return new LimitedPeer(from, {}, this.clock.now, endpoint);
  }

  /** Time passes; what is due happens. */
  pass(ms: number, ...peers: LimitedPeer[]): void {
    this.clock.now += ms;
    for (const peer of peers) peer.now = this.clock.now;
    this.core.advance(this.clock.now);
  }

  get ends(): Partial<Record<string, number>> {
    return this.core.stats.tunnelEnds;
  }
}

export class LimitedPeer extends CorePeer {
  get isCut(): boolean {
    return this.connection.endReason?.code === 'LIMIT_RATE';
  }

  /** The GOAWAY that ended it. */
  farewell(): Extract<Frame, { type: 'GOAWAY' }> | undefined {
    return this.frames().find((frame: Frame) => frame.type === 'GOAWAY');
  }

  /** Its transport is gone. */
  lose(): void {
    this.connection.lost(new TrunklineError('CONNECTION_LOST', 'the cable was cut'));
  }

  cancel(id: number): void {
    this.send(encodeReset(id, { code: 'CANCELED', reason: '' }));
  }

  /** As many as it may before it is cut; `most` of them at most. */
  repeat(most: number, act: () => void): number {
    let count = 0;
    while (count < most && !this.connection.hasEnded) {
      act();
      // What it is answered must not be what it is cut for.
      if (!this.connection.hasEnded) this.frames();
      count++;
    }
    return count;
  }
}

/** A listener and a client that it has accepted: their streams' ids. */
export function joined(
  listener: LimitedPeer,
  client: LimitedPeer,
  name: string,
): { accepted: number; connected: number } {
  const connected = client.connect(name);
  const [offer] = listener.offers();
  if (offer === undefined) throw new Error('there was no offer');
  const accepted = listener.accept(offer);
  listener.frames();
  client.frames();
  return { accepted, connected };
}
