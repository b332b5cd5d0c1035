/**
 * What a transport is handed to send as one message: these parts, one after the other. There is more than one only where
 * a relay passes payloads on as they lie in memory.
 */
export type Message = readonly Uint8Array[];

export function messageBytes(message: Message): number {
  let bytes = 0;
  for (const part of message) bytes += part.length;
  return bytes;
}

/** In one piece, for transports that take no other. Copies only where there are several parts. */
export function joinMessage(message: Message): Uint8Array {
  if (message.length === 1) return message[0] as Uint8Array;
  const joined = new Uint8Array(messageBytes(message));
  let at = 0;
  for (const part of message) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
