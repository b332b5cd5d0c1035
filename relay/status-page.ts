import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';

/** Built, this file lies in dist or in dist/chunks; run from source, in relay. */
const PLACES = ['./status.html', '../status.html', '../dist/status.html'];

interface StatusPage {
  html: Buffer;
  policy: string;
}

let built: Promise<StatusPage | undefined> | undefined;

/**
 * The status page itself is the same for everybody and holds nothing: what it shows it asks for, and that is guarded.
 * It runs its own script and style and nothing else, talks to its own origin alone, and nobody may put it into a frame.
 */
export function serveStatusPage(response: ServerResponse): void {
  built ??= loadStatusPage();
  void built.then((page) => {
    if (page === undefined) {
      built = undefined;
      response
        .writeHead(404, { 'Content-Type': 'text/plain' })
        .end('status.html has not been built: run npm run build\n');
      return;
    }
    response
      .writeHead(200, {
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Length': page.html.length,
        'Cache-Control': 'no-store',
        'Content-Security-Policy': page.policy,
        'Referrer-Policy': 'no-referrer',
        'X-Content-Type-Options': 'nosniff',
        'X-Frame-Options': 'DENY',
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Resource-Policy': 'same-origin',
      })
      .end(page.html);
  });
}

async function loadStatusPage(): Promise<StatusPage | undefined> {
  for (const place of PLACES) {
    const html = await readFile(new URL(place, import.meta.url)).catch(() => undefined);
    if (html !== undefined) return { html, policy: policyOf(html.toString('utf8')) };
  }
  return undefined;
}

/** Names the page's own script and style by their hashes; everything else is forbidden. */
export function policyOf(html: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashesOf(html, 'script')}`,
    `style-src ${hashesOf(html, 'style')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function hashesOf(html: string, tag: 'script' | 'style'): string {
  const contents = [...html.matchAll(new RegExp(`<${tag}[^>]*>([\\s\\S]*?)</${tag}>`, 'g'))].map((match) => match[1]);
  const hashes = contents.map(
    (text) =>
      `'sha256-${createHash('sha256')
        .update(text ?? '')
        .digest('base64')}'`,
  );
  return hashes.length === 0 ? "'none'" : hashes.join(' ');
}
