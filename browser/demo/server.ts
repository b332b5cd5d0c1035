/** `npm start`: one HTTP server with the demo page and the relay that it uses. */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { parseArgs } from 'node:util';
import { createRelay } from '../../relay/index.js';

const USAGE = `Usage: npm start -- [--port 8080] [--host 127.0.0.1]

  --port   port to listen on, 0 for any free one (or the environment variable PORT)
  --host   address to listen on; 0.0.0.0 lets other devices in (or HOST)
`;

/** For pages to move to a server that takes this one's place; without one they reconnect when there is one. */
const DRAIN_GRACE_MS = 3000;

/** What is served, and nothing else: a request never becomes a path on disk. */
const FILES: Readonly<Record<string, { file: string; type: string }>> = {
  '/': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/index.html': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/demo.css': { file: 'demo.css', type: 'text/css; charset=utf-8' },
  '/demo.js': { file: 'demo.js', type: 'text/javascript; charset=utf-8' },
  '/demo.js.map': { file: 'demo.js.map', type: 'application/json' },
};

/** The build puts the page beside the built server. */
const PAGE_FOLDER = new URL('./demo/', import.meta.url);

const POLICY = [
  "default-src 'self'",
  "connect-src 'self' ws: wss:",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

const { port, host } = readOptions();
const server = createServer(servePage);
const relay = createRelay();
relay.on('error', (error) => console.error(`relay: ${error.message}`));
relay.install(server, '/trunkline');

server.once('error', (error: NodeJS.ErrnoException) => exitWith(whyNotListening(error), 1));
server.listen({ port, host }, () => {
  console.log('Trunkline demo. Open this page and drop a file on it:');
  for (const url of addressesOf(server.address())) console.log(`  ${url}`);
  console.log('Ctrl+C stops it.');
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);

/**
 * The port is free at once, and pages that are open move to whoever listens there next. Ends when all have moved, or the
 * time for it is over. A second signal ends it at once.
 */
function stop(): void {
  server.close();
  relay.drain({ graceMs: DRAIN_GRACE_MS }).then(
    () => server.closeAllConnections(),
    (error) => exitWith(String(error), 1),
  );
}

function readOptions(): { port: number; host: string } {
  try {
    const { values } = parseArgs({
      options: { port: { type: 'string' }, host: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) exitWith(USAGE, 0);
    const port = values.port ?? (process.env.PORT || '8080');
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65535)
      exitWith(`"${port}" is not a port: give a number from 0 to 65535.`, 1);
    return { port: Number(port), host: values.host ?? (process.env.HOST || '127.0.0.1') };
  } catch (error) {
    return exitWith(`${(error as Error).message}\n\n${USAGE}`, 1);
  }
}

function whyNotListening(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use. Choose another: npm start -- --port ${port + 1}`;
    case 'EACCES':
      return `Port ${port} is not allowed for this user. Choose one above 1023: npm start -- --port 8080`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `This computer has no address ${host}. Choose another: npm start -- --host 127.0.0.1`;
    default:
      return `Cannot listen on ${host}:${port}: ${error.message}`;
  }
}

function exitWith(text: string, code: number): never {
  (code === 0 ? console.log : console.error)(text);
  process.exit(code);
}

function servePage(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url?.split('?', 1)[0] ?? '/';
  const found = Object.hasOwn(FILES, path) ? FILES[path] : undefined;
  if (found === undefined) return answer(response, 404, 'text/plain', 'There is nothing here. The demo is at /\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return answer(response, 405, 'text/plain', 'Only GET and HEAD.\n');
  }
  readFile(new URL(found.file, PAGE_FOLDER)).then(
    (bytes) => answer(response, 200, found.type, bytes),
    () => answer(response, 500, 'text/plain', `${found.file} is missing: run npm run build\n`),
  );
}

/** Node leaves the body out of the answer to HEAD by itself. */
function answer(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { ...HEADERS, 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
}

/** The URLs under which a listening server is reached; several when it listens on every address. */
function addressesOf(address: AddressInfo | string | null): string[] {
  if (address === null || typeof address === 'string') return [];
  const hosts = isEvery(address.address) ? ['localhost', ...ownAddresses()] : [address.address];
  return hosts.map((host) => `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/`);
}

function isEvery(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
}
