import { joinMessage, type Message } from '../../src/protocol/message-parts.js';

/** The next message, in one piece and in memory of its own, as it arrives on the other side. */
export function takeMessage(from: { takeMessage(): Message | undefined }): Uint8Array | undefined {
  const message = from.takeMessage();
  return message && new Uint8Array(joinMessage(message));
}
