import type { StreamFrame } from '../protocol/frames.js';
import type { Attachment } from './attachment.js';

/**
 * Weighs what a peer sends once the handshake is complete: how often, and whether it does anything. Each may throw
 * TrunklineError LIMIT_RATE, which ends the connection.
 */
export interface FrameMeter {
  tunnelFrame(type: 'PING' | 'PONG' | 'TOKEN', now: number): void;
  /** Before it is dealt with. `attachment` is undefined when its stream is over. */
  streamFrame(frame: StreamFrame, attachment: Attachment | undefined, now: number): void;
  /** Frames of unknown types, or a part of a message with nothing in it. */
  nothing(count: number, now: number): void;
}
