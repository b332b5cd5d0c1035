import { createReadStream, existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** The `<script>` bundle and its maps, served from where the relay itself was installed: versions always match. */
const FILES: Readonly<Record<string, string>> = {
  '/trunkline.js': 'text/javascript; charset=utf-8',
  '/trunkline.min.js': 'text/javascript; charset=utf-8',
  '/trunkline.esm.js': 'text/javascript; charset=utf-8',
  '/trunkline.js.map': 'application/json',
  '/trunkline.min.js.map': 'application/json',
  '/trunkline.esm.js.map': 'application/json',
};

/** Built, this file lies in dist or in dist/chunks; run from source, in relay. */
const PLACES = ['.', '..', '../dist'];

export function serveScript(subPath: string, request: IncomingMessage, response: ServerResponse): boolean {
  const type = FILES[subPath];
  if (type === undefined) return false;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end();
    return true;
  }
  const file = PLACES.map((place) => fileURLToPath(new URL(place + subPath, import.meta.url))).find(existsSync);
  if (file === undefined) {
    response
      .writeHead(404, { 'Content-Type': 'text/plain' })
      .end(`${subPath.slice(1)} has not been built: run npm run build\n`);
    return true;
  }
  response.writeHead(200, {
    'Content-Type': type,
    // Another origin's page may load it; it must ask again, so that a redeployed relay and its pages agree.
    'Cache-Control': 'no-cache',
    'Access-Control-Allow-Origin': '*',
    'X-Content-Type-Options': 'nosniff',
  });
  if (request.method === 'HEAD') response.end();
  else pipeline(createReadStream(file), response, () => {});
  return true;
}
