import type { RelayOptions } from '../../relay/options.js';
import type { WindowOptions } from '../../src/core/receive-half.js';
import type { TunnelCoreOptions } from '../../src/core/tunnel.js';
import { resolveLimits } from '../../src/protocol/limits.js';
import type { SeededRandom } from '../support/seeded-random.js';
import type { Conditions } from '../support/simulated-network.js';
import type { VirtualClock } from '../support/virtual-clock.js';

export interface WorldOptions {
  seed: number;
  relays: number;
  tunnelsPerRelay: number;
  window: WindowOptions;
  earlyWindowBytes: number;
  maxFrameBytes: number;
  egressBytes: number;
  maxPendingConnects: number;
  conditions: Conditions;
  /** Default 0: no stream and no name outlives its connection. */
  resumeWindowMs?: number;
  /** Default: longer than anything takes. Patience is not what is tried where the network is merely bad. */
  acceptTimeoutMs?: number;
  heartbeat?: { intervalMs: number; timeoutMs: number };
}

/** Longer than all connects of one run may wait, one after the other. */
export const PATIENCE_MS = 1_000_000;

export function relayOptionsOf(options: WorldOptions): RelayOptions {
  const { earlyWindowBytes, maxFrameBytes, egressBytes, maxPendingConnects, acceptTimeoutMs = PATIENCE_MS } = options;
  const { resumeWindowMs = 0, heartbeat } = options;
  const limits = { earlyWindowBytes, maxFrameBytes, maxPendingConnects, egressBytes };
  return {
    limits: { ...limits, acceptTimeoutMs, maxWaitMs: PATIENCE_MS },
    resumeWindowMs,
    ...(heartbeat && { heartbeat }),
  };
}

export function tunnelOptionsOf(options: WorldOptions, random: SeededRandom, clock: VirtualClock): TunnelCoreOptions {
  const { window, earlyWindowBytes, maxFrameBytes, resumeWindowMs = 0 } = options;
  return {
    limits: resolveLimits({ earlyWindowBytes, maxFrameBytes }),
    window,
    randomId: () => random.id(),
    random: () => random.next(),
    now: clock.now,
    // What it is, and not how, is tried here.
    prove: (key, statement) => `${statement} ${key}`,
    resumeWindowMs,
    firstDials: resumeWindowMs === 0 ? 1 : Number.POSITIVE_INFINITY,
  };
}
