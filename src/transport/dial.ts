// The one import of isomorphic-ws: `ws` in Node, the global WebSocket in a page. Its types are those of `ws` and would
// let Node-only calls compile for the page, hence the structural type.
import IsomorphicWebSocket from 'isomorphic-ws';
import { SUBPROTOCOL } from '../protocol/constants.js';
import type { SocketLike } from './websocket.js';

export type SocketConstructor = new (url: string, protocols: string[], options?: object) => SocketLike;

export interface DialOptions {
  /** Another WebSocket class than the platform's. */
  WebSocket?: SocketConstructor | undefined;
  /**
   * Node: options of `ws`'s client (headers, origin, agent, TLS, ...). A page ignores them. A `createConnection` that returns a
   * Duplex lets the WebSocket run over that; it is called for each dial, and must return another one each time.
   */
  ws?: object | undefined;
  /**
   * Node: the HTTP proxy to dial through, by CONNECT: `http://user:password@host:port`, or `https:` where the proxy itself
   * speaks TLS. Default: what the environment says (`https_proxy` for `wss:`, `http_proxy` for `ws:`, `all_proxy`, `no_proxy`,
   * also in upper case), but never for this machine itself (`localhost`, 127.0.0.0/8, `::1`). `false`: none. An `agent` or a
   * `createConnection` among the options for `ws` takes its place. A page ignores it: its browser knows its proxy.
   *
   * What it refuses is UNAUTHENTICATED (407) or FORBIDDEN (any other 4xx); else, and if it cannot be reached, CONNECTION_LOST.
   * A URL of another kind is a TypeError.
   */
  proxy?: string | URL | false | undefined;
}

/** What `ws` does by default and we do not want: deflate was measured to take eight times the time. */
export const WEBSOCKET_DEFAULTS = { perMessageDeflate: false, skipUTF8Validation: true };

export function dialWebSocket(url: string, options: DialOptions = {}): SocketLike {
  const Socket = options.WebSocket ?? (IsomorphicWebSocket as unknown as SocketConstructor);
  // A page's WebSocket takes two arguments and ignores the third.
  return new Socket(url, [SUBPROTOCOL], { ...WEBSOCKET_DEFAULTS, ...options.ws });
}
