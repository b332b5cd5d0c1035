// Asks the HTTP server behind the name `web`.
// Usage: node examples/http-behind-nat/get.js [path] [URL of the relay]
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { connectTunnel, StreamClient } from 'trunkline';

const [path = '/', url = 'ws://localhost:8080/trunkline'] = process.argv.slice(2);
const tunnel = connectTunnel(url);
const stream = StreamClient(tunnel).connect('web');
// http closes its connection after the answer; the tunnel would end it in the middle of that.
stream.on('close', () => tunnel.close());

const get = request({ path, headers: { Host: 'web' }, createConnection: () => stream });
get.on('response', async (response) => console.log(response.statusCode, (await text(response)).trim()));
get.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
get.end();
