import type { Connection } from '../transport/connection.js';
import { type DialOptions, dialWebSocket } from '../transport/dial.js';
import { WebSocketConnection } from '../transport/websocket.js';

export type { DialOptions };

/** What a page gets in place of `dial-connection.ts`: its own WebSocket does everything. */
export function dialConnection(url: string, options: DialOptions): Connection {
  return new WebSocketConnection(dialWebSocket(url, options));
}
