import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connectTunnel, StreamClient, StreamServer, type TunnelStream } from 'trunkline';
import { createRelay } from 'trunkline/relay';
import type { ByteStream, Carrier } from './carrier.js';

const NAME = 'bench';

/** The built package with its defaults, as a user would run it; only the limit on unanswered connects is lifted. */
export const trunkline: Carrier = {
  async startRelay() {
    const server = createServer();
    createRelay({ limits: { maxPendingConnects: 2000, maxPendingPerName: 2000 } }).install(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },

  async listen(relayPort, onStream) {
    const server = new StreamServer(dial(relayPort), (stream) => {
      stream.on('end', () => stream.end());
      onStream(toByteStream(stream));
    });
    await server.listen(NAME).ready;
  },

  async connect(relayPort) {
    const tunnel = dial(relayPort);
    await tunnel.opened;
    const client = new StreamClient(tunnel);
    return { open: async () => toByteStream(client.connect(NAME)) };
  },
};

function dial(relayPort: number) {
  return connectTunnel(`ws://127.0.0.1:${relayPort}/trunkline`);
}

function toByteStream(stream: TunnelStream): ByteStream {
  return {
    write: (bytes) => stream.write(bytes),
    whenDrained: async () => {
      await once(stream, 'drain');
    },
    onData: (listener) => stream.on('data', listener),
    close: async () => {
      stream.end();
      if (!stream.closed) await once(stream, 'close');
    },
  };
}
