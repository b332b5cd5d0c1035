import type { IncomingHttpHeaders } from 'node:http';

/** `scheme://host[:port]` and nothing else; `null`, which a page in any sandbox has, is none, and neither is a pattern. */
const ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[^\s/\\?#@,*]+$/i;
const WEB_SCHEMES = ['http:', 'https:'];

/**
 * Whether a page of that origin may use the relay. Node and other programs send no Origin, and are let in: a token says who
 * they are. No cookie is ever looked at.
 *
 * @param origins from `parseOrigins`; undefined: only pages of the host and port that the request names as its own. Scheme
 *   and Host are compared without each other, since behind a proxy that ends TLS the relay does not see the scheme
 */
export function isOriginAllowed(headers: IncomingHttpHeaders, origins: ReadonlySet<string> | undefined): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return true;
  const page = parseOrigin(origin);
  if (page === undefined) return false;
  if (origins !== undefined) return origins.has(serialize(page));
  if (host === undefined || !WEB_SCHEMES.includes(page.protocol)) return false;
  // With the page's scheme, so that a default port is left out of both.
  return parseOrigin(`${page.protocol}//${host}`)?.host === page.host;
}

/**
 * A slash behind an origin, as it is copied from a browser's address bar, means nothing else than without it.
 * @throws RangeError naming what is no origin
 */
export function parseOrigins(origins: readonly string[]): ReadonlySet<string> {
  return new Set(
    origins.map((text) => {
      const url = typeof text === 'string' ? parseOrigin(text.replace(/\/$/, '')) : undefined;
      if (url) return serialize(url);
      throw new RangeError(`origins must be like https://example.com or http://localhost:3000, unlike ${quote(text)}`);
    }),
  );
}

function parseOrigin(text: string): URL | undefined {
  if (!ORIGIN.test(text)) return undefined;
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** Not `url.origin`, which is `null` for an extension's or an app's page. */
function serialize({ protocol, host }: URL): string {
  return `${protocol}//${host}`;
}

function quote(text: unknown): string {
  return JSON.stringify(text);
}
