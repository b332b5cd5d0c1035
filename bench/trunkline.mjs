/** Adapter for a side-by-side harness: the built package, direct use of its public API only. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connectTunnel, StreamClient, StreamServer } from '../dist/index.js';
import { createRelay } from '../dist/relay.js';

const NAME = 'bench';
const PATH = '/trunkline';
/** The harness opens up to 10,000 streams on a tunnel, 1,000 of them at once, and 2,000 tunnels to one name. */
const LIMITS = { maxStreams: 20_000, maxPendingConnects: 20_000 };
const RELAY_LIMITS = { ...LIMITS, maxPendingPerName: 20_000, maxPending: 20_000 };

const dial = ({ port }) => connectTunnel(`ws://127.0.0.1:${port}${PATH}`, { limits: LIMITS });

export default {
  id: 'trunkline',
  label: 'trunkline',
  kind: 'ours',
  flow: 'per-stream credit, end to end (256 KiB..4 MiB)',
  topologies: ['relay'],

  async relay() {
    const server = createServer();
    createRelay({ limits: RELAY_LIMITS }).install(server, PATH);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: server.address().port };
  },

  async serveVia(address, { onStream }) {
    const server = new StreamServer(dial(address), (stream) => {
      stream.on('end', () => stream.end());
      onStream(stream);
    });
    await server.listen(NAME).ready;
  },

  async dialVia(address) {
    const tunnel = dial(address);
    await tunnel.opened;
    const client = new StreamClient(tunnel);
    return { open: () => client.connect(NAME), close: () => tunnel.close() };
  },
};
