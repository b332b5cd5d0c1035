// An HTTP server without a port: its connections come through the relay.
// Usage: node examples/http-behind-nat/serve.js [URL of the relay]
import { createServer } from 'node:http';
import { connectTunnel, StreamServer } from 'trunkline';

const server = createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.end(`${request.method} ${request.url}, answered by process ${process.pid}\n`);
});

const tunnel = connectTunnel(process.argv[2] ?? 'ws://localhost:8080/trunkline');
const listener = StreamServer(tunnel, (stream) => {
  stream.on('error', () => {}); // a browser that went away; http deals with it
  server.emit('connection', stream);
}).listen('web');
listener.on('listening', () => console.log('serving http on web'));
// Without a goodbye this process would count as lost, and its name would be kept for it for a while.
process.once('SIGINT', () => tunnel.close());
