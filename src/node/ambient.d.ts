/** The package has no types of its own. */
declare module 'proxy-from-env' {
  /** The proxy that the environment names for a URL; '' for none. Knows `http:` and `https:`, not `ws:` and `wss:`. */
  export function getProxyForUrl(url: string): string;
}
