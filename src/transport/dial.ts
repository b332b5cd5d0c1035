// The one import of isomorphic-ws: `ws` in Node, the global WebSocket in a page. Its types are those of `ws` and would
// let Node-only calls compile for the page, hence the structural type.
import IsomorphicWebSocket from 'isomorphic-ws';
import { SUBPROTOCOL } from '../protocol/constants.js';
import type { SocketLike } from './websocket.js';

export type SocketConstructor = new (url: string, protocols: string[], options?: object) => SocketLike;

export interface DialOptions {
  /** Another WebSocket class than the platform's. */
  WebSocket?: SocketConstructor | undefined;
  /** Node: options of `ws`'s client (headers, origin, agent, TLS, ...). A page ignores them. */
  ws?: object | undefined;
}

/** What `ws` does by default and we do not want: deflate was measured to take eight times the time. */
export const WEBSOCKET_DEFAULTS = { perMessageDeflate: false, skipUTF8Validation: true };

export function dialWebSocket(url: string, options: DialOptions = {}): SocketLike {
  const Socket = options.WebSocket ?? (IsomorphicWebSocket as unknown as SocketConstructor);
  // A page's WebSocket takes two arguments and ignores the third.
  return new Socket(url, [SUBPROTOCOL], { ...WEBSOCKET_DEFAULTS, ...options.ws });
}
