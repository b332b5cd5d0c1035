import type { TrunklineError } from '../protocol/errors.js';
import type { Offer, TunnelMode } from '../protocol/frames.js';
import type { Limits } from '../protocol/limits.js';
import type { Json } from '../protocol/meta.js';
import type { ConnectionCore } from './connection.js';
import type { WindowOptions } from './receive-half.js';
import type { Prove } from './resume-key.js';
import type { StreamCore, StreamEvent } from './stream.js';

export type TunnelEvent =
  | { type: 'open' }
  /** Its connection is lost: dial again. Told once for each loss; `dialFailed` for each dial that came to nothing. */
  | { type: 'suspended'; error: TrunklineError }
  | { type: 'dialFailed'; error: TrunklineError }
  /** The peer is about to leave: dial again, in `retryAfterMs`; until then everything goes on. */
  | { type: 'turnedAway'; retryAfterMs: number }
  | { type: 'resumed' }
  /** The peer of this connection wants a newer token within so many milliseconds. */
  | { type: 'tokenWanted'; connection: ConnectionCore; expiresInMs: number }
  /** The peer opened a plain stream: `accept` or `reset` it. */
  | { type: 'incoming'; stream: StreamCore; meta: Json }
  | { type: 'stream'; stream: StreamCore; event: StreamEvent }
  /** The tunnel is over; every stream has been told. */
  | { type: 'closed'; error: TrunklineError };

export interface TunnelCoreOptions {
  limits: Limits;
  window: WindowOptions;
  /** 128 random bits as 32 hexadecimal digits: the core has no randomness of its own, no clock, and no cryptography. */
  randomId: () => string;
  random: () => number;
  now: () => number;
  prove: Prove;
  token?: string | undefined;
  /** There is a newer token whenever one is wanted: without, one that has run out is the end. */
  renewsToken?: boolean | undefined;
  handshakeTimeoutMs?: number | undefined;
  /** How long tunnel and streams outlive their connection, milliseconds; 0: not at all. */
  resumeWindowMs: number;
  /** Default 'multi'. */
  mode?: TunnelMode | undefined;
  /** How long the tunnel may carry nothing, milliseconds. Default 0: for ever. */
  idleTimeoutMs?: number | undefined;
  /** What the application wants to speak, the best first. */
  protocols?: readonly string[] | undefined;
  /** Set to test what happens when ids grow. */
  firstLocalId?: number | undefined;
  /** Dials until the tunnel has been open once; after that only the resume window counts. Default 1. */
  firstDials?: number;
}

export interface OpenOptions {
  uid?: string;
  /** The stream is not to outlive its connection. */
  isMortal?: boolean;
  /** The offer that an `accept` answers, and the listen stream it came on. */
  offer?: { offer: Offer; listener: StreamCore };
}
