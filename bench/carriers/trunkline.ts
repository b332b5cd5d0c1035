import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connectTunnel, type Limits, StreamClient, StreamServer, type TunnelStream } from 'trunkline';
import { createRelay, type RelayLimits } from 'trunkline/relay';
import type { ByteStream, Carrier } from './carrier.js';

const NAME = 'bench';

/** As many streams as the benchmark opens on one tunnel. */
const LIMITS = { maxStreams: 25_000 } satisfies Partial<Limits>;
/** As many of them at once. */
const RELAY_LIMITS = { ...LIMITS, maxPendingPerName: 2000 } satisfies Partial<RelayLimits>;

/** The built package with its defaults, as a user would run it; only the limits on how many streams are lifted. */
export const trunkline: Carrier = {
  async startRelay(pageOrigin) {
    const server = createServer();
    // How fast a stream opens is measured, and not how fast a relay lets it.
    const rates = {
      opens: { perSecond: 1_000_000, burst: 1_000_000 },
      resets: { perSecond: 1_000_000, burst: 1_000_000 },
      dials: { perSecond: 1_000_000, burst: 1_000_000 },
    };
    const origins = pageOrigin === undefined ? undefined : [pageOrigin];
    createRelay({ limits: RELAY_LIMITS, rates, origins }).install(server);
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
    return {
      open: async () => toByteStream(client.connect(NAME)),
      another: () => trunkline.connect(relayPort),
      close: async () => tunnel.close(),
    };
  },
};

function dial(relayPort: number) {
  return connectTunnel(`ws://127.0.0.1:${relayPort}/trunkline`, { limits: LIMITS });
}

function toByteStream(stream: TunnelStream): ByteStream {
  return {
    write: (bytes) => stream.write(bytes),
    whenDrained: async () => {
      await once(stream, 'drain');
    },
    onData: (listener) => stream.on('data', listener),
    pause: () => void stream.pause(),
    close: async () => {
      stream.end();
      if (!stream.closed) await once(stream, 'close');
    },
  };
}
