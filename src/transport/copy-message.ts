import { type Message, messageBytes } from '../protocol/message-parts.js';

/** The message in memory of its own, behind `headBytes` that the caller fills in. */
export function copyMessage(message: Message, headBytes = 0): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(headBytes + messageBytes(message));
  let at = headBytes;
  for (const part of message) {
    copy.set(part, at);
    at += part.length;
  }
  return copy;
}
