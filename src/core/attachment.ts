import type { TrunklineError } from '../protocol/errors.js';
import type { StreamFrame } from '../protocol/frames.js';
import type { Limits } from '../protocol/limits.js';
import type { MessageWriter } from './message-writer.js';

/**
 * A stream's place on one connection. An endpoint's stream and a relay's leg both are attachments: the connection and
 * its scheduler know nothing else of them.
 *
 * The writing methods put frames straight into a message that is being assembled; there is no other copy of a payload.
 */
export interface Attachment {
  /** A frame for this stream. @throws TrunklineError when the peer broke a rule: the connection then ends with it */
  receive(frame: StreamFrame, now: number): void;
  /** The connection is gone, for this reason. Nothing of it may be used any more. */
  detach(error: TrunklineError): void;
  /** The peer's limits are known now (they were assumed until its WELCOME). */
  limitsKnown(limits: Limits): void;

  /** Writes a CREDIT frame if one is due; returns its size or 0. There is room for it. */
  writeCredit(target: Uint8Array, at: number): number;
  /** Large payloads are passed on by reference (by a relay), and not copied into the message. */
  readonly passesPayloads: boolean;
  /** How many bytes of frames its next turn could send, at most `maxPayloadBytes` of payload. 0: nothing to send. */
  sendableBytes(maxPayloadBytes: number): number;
  /** How many of these are copied into the message. */
  copiedBytes(maxPayloadBytes: number): number;
  /** Writes one DATA frame and, where it is due, END: at most `sendableBytes(maxPayloadBytes)`. */
  writeData(message: MessageWriter, maxPayloadBytes: number): void;
}
