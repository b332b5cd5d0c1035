import type { Connection } from '../transport/connection.js';
import { type DialOptions, dialWebSocket } from '../transport/dial.js';
import { WebSocketConnection } from '../transport/websocket.js';

export type { DialOptions };

/** Starts dialing; the connection reports itself writable once it is open. */
export function dialConnection(url: string, options: DialOptions): Connection {
  return new WebSocketConnection(dialWebSocket(url, options));
}
