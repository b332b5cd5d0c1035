import { DialedWebSocket } from '../node/dialed-websocket.js';
import type { Connection } from '../transport/connection.js';
import { type DialOptions, dialWebSocket } from '../transport/dial.js';
import { WebSocketConnection } from '../transport/websocket.js';

export type { DialOptions };

/**
 * Starts dialing; the connection reports itself writable once it is open. A page gets `dial-connection.page.ts` instead.
 *
 * A WebSocket class of the application's is used as it is, and so is `ws` where deflate is asked for.
 */
export function dialConnection(url: string, options: DialOptions): Connection {
  const { WebSocket, ws = {} } = options;
  const isPlain = WebSocket === undefined && !('perMessageDeflate' in ws && ws.perMessageDeflate);
  return isPlain ? new DialedWebSocket(url, ws) : new WebSocketConnection(dialWebSocket(url, options));
}
