// Serves the two pages and the relay they meet at. Usage: node examples/page-to-page/server.js [port]
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRelay } from 'trunkline/relay';

const PAGES = new Set(['/listener.html', '/client.html']);

const server = createServer(async (request, response) => {
  const path = request.url === '/' ? '/listener.html' : (request.url ?? '');
  if (!PAGES.has(path)) return response.writeHead(404).end();
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(await readFile(new URL(`.${path}`, import.meta.url)));
});

const relay = createRelay().install(server);
relay.on('server.created', (name) => console.log(`somebody listens on ${name}`));
relay.on('server.destroyed', (name) => console.log(`nobody listens on ${name} any more`));

server.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : address;
  console.log(`open http://localhost:${port}/listener.html in one tab`);
  console.log(`and  http://localhost:${port}/client.html in another`);
});
