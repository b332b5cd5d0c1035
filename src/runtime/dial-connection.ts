import { DialedWebSocket } from '../node/dialed-websocket.js';
import { throughProxy } from '../node/proxy.js';
import type { Connection } from '../transport/connection.js';
import { type DialOptions, dialWebSocket } from '../transport/dial.js';
import { WebSocketConnection } from '../transport/websocket.js';

export type { DialOptions };

/**
 * Starts dialing; the connection reports itself writable once it is open. A page gets `dial-connection.page.ts` instead.
 *
 * A WebSocket class of the application's is used as it is, and so is `ws` where deflate is asked for.
 *
 * @throws TypeError for a proxy that is no URL, or of another kind than http: and https:
 */
export function dialConnection(url: string, options: DialOptions): Connection {
  const { WebSocket, proxy } = options;
  const ws = throughProxy(url, proxy, options.ws ?? {});
  const isPlain = WebSocket === undefined && !('perMessageDeflate' in ws && ws.perMessageDeflate);
  return isPlain ? new DialedWebSocket(url, ws) : new WebSocketConnection(dialWebSocket(url, { WebSocket, ws }));
}
