import { TrunklineError } from '../protocol/errors.js';
import type { Open } from '../protocol/frames.js';
import type { Limits } from '../protocol/limits.js';
import type { ConnectionCore } from './connection.js';
import type { TunnelEvent } from './tunnel-options.js';

/**
 * connecting ──first connection──> open <──another connection── suspended ──resume window over──> closed
 *                                   └────────connection lost───────^
 */
export type TunnelStateName = 'connecting' | 'open' | 'suspended' | 'closed';

/**
 * The connections of a tunnel, one after the other: dialed (`DialedConnections`), or taken from a dialer that comes back
 * (`AcceptedConnections`).
 */
export interface TunnelConnections {
  readonly stateName: TunnelStateName;
  /** The connection that carries what is opened now. */
  readonly current: ConnectionCore | undefined;
  readonly endReason: TrunklineError | undefined;
  readonly peerLimits: Readonly<Limits>;
  /**
   * What this tunnel is known by at both ends, where the peer is its other end and no relay: there a stream that both can
   * carry on is opened again. Undefined where it ends with its connection.
   */
  readonly returnId: string | undefined;
  /** The peer is known, and takes what is opened. */
  readonly takesOpens: boolean;
  /** Nobody waits for the first WELCOME: what is opened goes out behind HELLO. */
  readonly takesFirstOpens: boolean;
  /** Whether streams outlive a connection that ended so. */
  survives(error: TrunklineError): boolean;
  /** Leaves those that carry nothing any more. */
  leaveEmpty(): void;
  finish(error: TrunklineError): void;
  nextDeadline(): number;
  advance(now: number): void;
}

/** Whoever has streams on these connections. */
export interface ConnectionsUser {
  openReceived(connection: ConnectionCore, id: number, open: Open): void;
  /** There is a new connection; `former` still carries what was on it. */
  welcomed(former: ConnectionCore | undefined): void;
  /** The peer has no memory of this tunnel: its streams have lost their other ends. */
  forgotten(): void;
  /** It is all over, and there is no way to tell anybody any more. */
  finished(error: TrunklineError): void;
  tell(event: TunnelEvent): void;
}

/** The end of a tunnel, or of one stream, that nobody came back for. */
export function expired(resumeWindowMs: number, cause?: TrunklineError): TrunklineError {
  const text = `there was no connection for ${resumeWindowMs} ms`;
  return new TrunklineError('RESUME_EXPIRED', cause ? `${text}: ${cause.message}` : text, cause ? { cause } : {});
}
