import { type DialOptions, dialConnection } from '../runtime/dial-connection.js';
import { DialedTunnel, type DialedTunnelOptions } from '../runtime/dialed-tunnel.js';
import { sendFarewell } from '../runtime/farewell.js';
import type { Tunnel } from '../runtime/tunnel.js';

export interface ConnectTunnelOptions extends DialedTunnelOptions, DialOptions {}

/**
 * Dials a relay and returns the tunnel at once; what is opened on it meanwhile waits for the handshake. Once it has been
 * open, a lost connection suspends it and it dials again, for as long as its resume window lasts.
 *
 * @param url `ws:`, `wss:`, `http:` or `https:`; in a page also relative to it (`'/trunkline'`). Of several relays the next
 *   one is dialed when one is gone; streams are carried over once both their ends have met on the same one.
 * @throws TypeError when a URL is none of these, or there is none, or the token is no text and no function; RangeError for an
 *   option out of range; TrunklineError LIMIT_BYTES for a token over about 16 KiB. Everything else is told by the tunnel
 *   ('close', `opened`, each stream), also what is wrong with a token that a function returns
 */
export function connectTunnel(
  url: string | URL | readonly (string | URL)[],
  options: ConnectTunnelOptions = {},
): Tunnel {
  const urls = (Array.isArray(url) ? url : [url]).map((each) => toWebSocketUrl(each));
  if (urls.length === 0) throw new TypeError('a tunnel needs at least one URL');
  return new DialedTunnel(
    urls.map((each) =>
      Object.assign(() => dialConnection(each, options), {
        farewell: (endpoint: string) => sendFarewell(each, endpoint),
      }),
    ),
    options,
  );
}

const SCHEMES: Readonly<Record<string, string>> = { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' };

export function toWebSocketUrl(url: string | URL, base: string | undefined = pageUrl()): string {
  const resolved = parseUrl(url, base);
  const scheme = SCHEMES[resolved.protocol];
  if (scheme === undefined)
    throw new TypeError(`a tunnel's URL starts with ws, wss, http or https, not ${resolved.protocol}`);
  resolved.protocol = scheme;
  // A WebSocket URL has no fragment; a page's own address may bring one along.
  resolved.hash = '';
  return resolved.href;
}

function parseUrl(url: string | URL, base: string | undefined): URL {
  try {
    return new URL(url, base);
  } catch (cause) {
    const hint = base === undefined ? ' (a relative URL works in a page only)' : '';
    throw new TypeError(`${JSON.stringify(String(url))} is not a URL${hint}`, { cause });
  }
}

function pageUrl(): string | undefined {
  return typeof location === 'undefined' ? undefined : location.href;
}
