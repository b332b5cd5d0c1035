import { getProxyForUrl } from 'proxy-from-env';
import { ProxyAgent } from './proxy-agent.js';

/** A WebSocket's scheme, and the one whose proxy is its own. */
const HTTP_SCHEMES: Readonly<Record<string, string>> = { 'ws:': 'http:', 'wss:': 'https:' };
const ENVIRONMENT = ['https_proxy', 'http_proxy', 'all_proxy'];

/**
 * Options for `ws` that lead a dial through the proxy that is meant for it, if one is.
 *
 * @param proxy undefined: the environment's, if there is one; false: none
 * @throws TypeError when the proxy's URL is none, or of a kind that is not spoken here. Its password is never told.
 */
export function throughProxy(url: string, proxy: string | URL | false | undefined, ws: object): object {
  if (hasOwnWay(ws)) return ws;
  const found = proxy === undefined ? environmentProxy(url) : proxy;
  if (found === false) return ws;
  const isSecure = new URL(url).protocol === 'wss:';
  // Said aloud for TLS: the agent would otherwise ask the stack who is calling, and an application may have cut that short.
  return { ...ws, agent: new ProxyAgent(parseProxy(found)), ...(isSecure ? { secureEndpoint: true } : {}) };
}

function hasOwnWay(ws: { agent?: unknown; createConnection?: unknown }): boolean {
  return ws.agent !== undefined || ws.createConnection !== undefined;
}

function environmentProxy(url: string): string | false {
  const target = new URL(url);
  const scheme = HTTP_SCHEMES[target.protocol];
  if (scheme === undefined || isLoopback(target.hostname)) return false;
  const found = getProxyForUrl(`${scheme}//${target.host}`);
  if (found === '') return false;
  // A bare `host:port` was given the target's scheme, but what people mean by it, and other programs take it for, is http.
  return isSetAs(found) ? found : found.replace(/^https:/, 'http:');
}

function isSetAs(value: string): boolean {
  return ENVIRONMENT.some((name) => process.env[name] === value || process.env[name.toUpperCase()] === value);
}

/** `hostname` is a URL's: in lower case, an IPv4 address in full, an IPv6 one in brackets and as short as can be. */
function isLoopback(hostname: string): boolean {
  return /^(?:(?:.+\.)?localhost\.?|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

function parseProxy(proxy: string | URL): URL {
  const parsed = parseUrl(proxy);
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')
    throw new TypeError(`a proxy's URL starts with http: or https:, not ${parsed.protocol}`);
  try {
    decodeURIComponent(`${parsed.username}:${parsed.password}`);
  } catch {
    throw new TypeError("the user name or password in a proxy's URL is not percent-encoded UTF-8");
  }
  return parsed;
}

function parseUrl(proxy: string | URL): URL {
  try {
    return new URL(proxy);
  } catch {
    // Neither the text nor the error, which quotes it: there may be a password in it.
    throw new TypeError('the proxy is not a URL such as http://user:password@host:port');
  }
}
