// Uses all there is, closes it, and then must end by itself: nobody calls process.exit.
import { createServer } from 'node:http';
import { finished } from 'node:stream/promises';
import { createRelay } from '../../relay/index.js';
import { connectTunnel, StreamClient, StreamServer } from '../../src/index.js';
import { listenOnFreePort } from './free-port.js';

const server = createServer();
const relay = createRelay().install(server);
const url = `http://127.0.0.1:${await listenOnFreePort(server)}/trunkline`;
const [near, far] = [connectTunnel(url), connectTunnel(url)];
const listener = StreamServer(far, (stream) => stream.pipe(stream)).listen('ECHO');
await listener.ready;
for (const stream of [StreamClient(near).connect('ECHO'), relay.connect('ECHO')]) {
  stream.resume();
  stream.end('hello');
  await finished(stream);
}
await listener.close();
near.close();
far.close();
await relay.close();
server.close(() => console.log('everything is closed'));
