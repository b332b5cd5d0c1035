import { expect } from 'vitest';
import type { RelayOptions } from '../../relay/options.js';
import type { RelayCore } from '../../relay/relay-core.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Open } from '../../src/protocol/frames.js';
import type { Limits } from '../../src/protocol/limits.js';
import { CorePeer, makeRelay } from './core-peer.js';

export const lost = () => new TrunklineError('CONNECTION_LOST');
export const CANCELED = { code: 'CANCELED', reason: 'why' } as const;
export const PROGRESS = { received: 0, ended: false, proof: 'client knows' };

export interface ResumeFixture {
  core: RelayCore;
  /** What the relay takes for the time. */
  clock: { now: number };
  client: CorePeer;
  /** The other end of the streams that the client opens again. */
  far: CorePeer;
  /** The client asks for a stream at `far`; returns its id. */
  reopen(resume?: Partial<Open['resume']>, fields?: Partial<Open>, waitMs?: number): number;
  /** Whatever happened: nothing is pending. */
  expectNothingPending(): void;
}

/** A relay with a client, and the endpoint that it had streams with. */
export function startResume(options: RelayOptions = {}): ResumeFixture {
  const { core, clock } = makeRelay(options);
  const client = new CorePeer(core);
  return {
    core,
    clock,
    client,
    far: connectFar(core),
    reopen(resume = {}, fields = {}, waitMs = 0) {
      return client.resume('far', { resume: { epoch: 1, ...PROGRESS, ...resume }, ...fields }, waitMs);
    },
    expectNothingPending() {
      const { broker } = core as unknown as {
        broker: { pendingResumeCount: number; resumes: { turns: { byTunnel: { size: number } } } };
      };
      const { pendingResumeCount, resumes } = broker;
      expect([core.stats.resumes.pending, pendingResumeCount, resumes.turns.byTunnel.size]).toEqual([0, 0, 0]);
    },
  };
}

/** The same endpoint, on a connection of its own. */
export function connectFar(core: RelayCore, limits: Partial<Limits> = {}, now = 0): CorePeer {
  return new CorePeer(core, limits, now, 'far');
}
