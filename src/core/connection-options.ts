import type { TrunklineError } from '../protocol/errors.js';
import type { Hello, Open, Welcome } from '../protocol/frames.js';
import type { Limits } from '../protocol/limits.js';
import type { FrameMeter } from './frame-meter.js';
import type { Role } from './stream-table.js';

/** Whoever decides what a connection is for: an endpoint's tunnel, or the relay. */
export interface ConnectionOwner {
  /** Acceptor: a HELLO has come. Answer with `welcome` or `fail`, now or later. */
  helloReceived(hello: Hello, now: number): void;
  /** Dialer: the handshake is complete. */
  welcomeReceived(welcome: Welcome): void;
  /** The peer opens a stream. Answer with `attach` or `refuse`. */
  openReceived(id: number, open: Open, now: number): void;
  /** Dialer: the acceptor takes nothing new and ends the connection `graceMs` from now. It may be told more than once. */
  noticeReceived(error: TrunklineError, graceMs: number, now: number): void;
  /** The connection ended, for this reason; every attachment has been told. Called once. */
  connectionEnded(error: TrunklineError): void;
}

export interface ConnectionOptions {
  role: Role;
  /** What we announce and enforce. */
  limits: Limits;
  handshakeTimeoutMs?: number | undefined;
  /** Whoever wants to know how much of what the peer sends does something. */
  meter?: FrameMeter | undefined;
  now: number;
  /** Set to test what happens when the ids run out. */
  firstLocalId?: number | undefined;
}
