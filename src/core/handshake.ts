import { PROTOCOL_VERSION } from '../protocol/constants.js';
import { encodeHello, encodeWelcome } from '../protocol/encode.js';
import { TrunklineError } from '../protocol/errors.js';
import type { Frame, Hello, Welcome } from '../protocol/frames.js';
import type { Limits } from '../protocol/limits.js';
import type { Role } from './stream-table.js';

/** Default deadline of the handshake, both sides. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** What a dialer may send before its WELCOME, and what an acceptor holds while it decides (R25, R28). */
export const UNAUTHENTICATED_BYTES = 16 * 1024;

/** Who dials: what it shows the acceptor of itself. */
export type Identity = Pick<Hello, 'token' | 'endpoint' | 'mode' | 'protocols'>;

/** The dialer's first frame. @throws TrunklineError LIMIT_BYTES when the token does not fit (R28) */
export function buildHello(limits: Limits, identity: Identity): Uint8Array {
  const frame = encodeHello({ version: PROTOCOL_VERSION, limits, ...identity });
  if (frame.length <= UNAUTHENTICATED_BYTES) return frame;
  throw new TrunklineError('LIMIT_BYTES', `the token makes HELLO ${frame.length} bytes, over ${UNAUTHENTICATED_BYTES}`);
}

/** What an acceptor's WELCOME says besides what is the same in all. */
export type Answer = Omit<Welcome, 'version' | 'limits'>;

export function buildWelcome(limits: Limits, answer: Answer): Uint8Array {
  return encodeWelcome({ version: PROTOCOL_VERSION, limits, ...answer });
}

type FirstFrame = Frame & { type: 'HELLO' | 'WELCOME' | 'GOAWAY' };

/** R20, R21: the first frame of the other side. @throws TrunklineError PROTOCOL for what cannot be, and for other versions */
export function checkFirst(frame: Frame, role: Role): FirstFrame {
  if (role === 'acceptor' && frame.type === 'HELLO') checkVersion(frame.hello.version);
  else if (role === 'dialer' && frame.type === 'WELCOME') checkVersion(frame.welcome.version);
  else if (frame.type !== 'GOAWAY') throw new TrunklineError('PROTOCOL', `${frame.type} before the handshake`);
  return frame;
}

function checkVersion(version: number): void {
  if (version === PROTOCOL_VERSION) return;
  throw new TrunklineError('PROTOCOL', `protocol version ${version}; this side speaks version ${PROTOCOL_VERSION}`);
}

/** How long the handshake may take, the acceptor's decision included. */
export class HandshakeTimeout {
  private readonly deadline: number;

  constructor(now: number, timeoutMs = HANDSHAKE_TIMEOUT_MS) {
    this.deadline = now + timeoutMs;
  }

  nextDeadline(): number {
    return this.deadline;
  }

  /** Returns why the peer is given up, if it is. */
  advance(now: number): TrunklineError | undefined {
    if (now >= this.deadline) return new TrunklineError('HANDSHAKE_TIMEOUT', 'no complete handshake in time');
    return undefined;
  }
}
