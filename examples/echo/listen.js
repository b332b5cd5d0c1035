// Listens on a name and sends back what comes. Usage: node examples/echo/listen.js [URL of the relay]
import { connectTunnel, StreamServer } from 'trunkline';

const tunnel = connectTunnel(process.argv[2] ?? 'ws://localhost:8080/trunkline');
const server = StreamServer(tunnel, (stream) => {
  stream.on('error', (error) => console.error(`a client broke off: ${error.message}`));
  stream.pipe(stream);
});

const listener = server.listen('echo');
listener.on('listening', () => console.log('listening on echo'));
// Without the name, or without the relay, there is nothing left to do.
listener.on('error', (error) => {
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
  tunnel.close();
});
tunnel.on('error', () => {}); // the listener's 'error' says it
// Without a goodbye this process would count as lost, and its name would be kept for it for a while.
process.once('SIGINT', () => tunnel.close());
