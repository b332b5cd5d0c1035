import { createServer, type Server } from 'node:http';
import { createRelay, type Relay, type RelayOptions } from '../../relay/index.js';
import {
  type ConnectTunnelOptions,
  connectTunnel,
  type OnStream,
  StreamClient,
  type StreamListener,
  StreamServer,
  type StreamServerOptions,
  type Tunnel,
  type TunnelStream,
} from '../../src/index.js';
import { listenOnFreePort } from './free-port.js';
import { trackForLeaks } from './leak-check.js';

/** A relay on an HTTP server of its own, on a free port, and what was dialed to it; checked for leaks after the test. */
export class RelayFixture {
  readonly tunnels: Tunnel[] = [];
  readonly listeners: StreamListener[] = [];
  /** For what a test opened besides: runs once the tunnels are closed. */
  readonly alsoClose: (() => unknown)[] = [];

  constructor(
    readonly relay: Relay,
    readonly server: Server,
    readonly url: string,
  ) {}

  dial(options?: ConnectTunnelOptions, url = this.url): Tunnel {
    const tunnel = connectTunnel(url, options);
    this.tunnels.push(tunnel);
    return tunnel;
  }

  /** A listener on a tunnel of its own (or the one given), once it holds the name. */
  async listen(
    name: string,
    onStream: OnStream,
    options: StreamServerOptions = {},
    tunnel: Tunnel = this.dial(),
  ): Promise<StreamListener> {
    const listener = StreamServer(tunnel, options, onStream).listen(name);
    this.listeners.push(listener);
    await listener.ready;
    return listener;
  }

  /** Both ends of one stream, each on a tunnel of its own (or those given). */
  async pair(
    name = 'PAIR',
    {
      client = this.dial(),
      server = this.dial(),
      meta,
      listenerMeta,
    }: { client?: Tunnel; server?: Tunnel; meta?: unknown; listenerMeta?: unknown } = {},
  ): Promise<{ client: TunnelStream; server: TunnelStream }> {
    let onStream!: OnStream;
    const accepted = new Promise<TunnelStream>((resolve) => {
      onStream = resolve;
    });
    const listener = await this.listen(name, onStream, { meta: listenerMeta }, server);
    const stream = StreamClient(client).connect(name, { meta });
    const [other] = await Promise.all([accepted, stream.opened]);
    // Frees the name for the next pair; the streams go on.
    await listener.close();
    return { client: stream, server: other };
  }

  async destroy(): Promise<void> {
    for (const tunnel of this.tunnels) tunnel.close();
    await this.relay.close();
    this.server.closeAllConnections();
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve));
  }
}

export async function startRelay(options?: RelayOptions): Promise<RelayFixture> {
  const server = createServer();
  const relay = createRelay(options).install(server);
  const port = await listenOnFreePort(server);
  const fixture = new RelayFixture(relay, server, `ws://127.0.0.1:${port}/trunkline`);
  trackForLeaks(fixture);
  return fixture;
}
