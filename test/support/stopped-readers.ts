import { connectTunnel, StreamClient, StreamServer, type Tunnel, type TunnelStream } from '../../src/index.js';
import { readSeeded, writeSeeded } from './seeded-bytes.js';
import { coreOf } from './stream-cores.js';
import { TcpProxy } from './tcp-proxy.js';
import { until } from './until.js';

export interface StoppedReadersOptions {
  streams: number;
  windowBytes: number;
  /** More than a window: what is over it waits for the reader. */
  bytes: number;
}

/** What streams keep, added up over all of them. */
export interface KeptBytes {
  /** At the writers: sent, and not known to be read. */
  retained: number;
  /** At the readers: come, and not read. */
  unread: number;
}

interface StreamEnds {
  client: TunnelStream;
  server: TunnelStream;
}

/** Streams whose readers have stopped, while connections are cut on either side. */
export class StoppedReaders {
  private constructor(
    /** Client and listener. */
    readonly tunnels: [Tunnel, Tunnel],
    private readonly ends: StreamEnds[],
    private readonly proxies: [TcpProxy, TcpProxy],
    private readonly writing: Promise<void>[],
    private readonly options: StoppedReadersOptions,
  ) {}

  static async start(relayUrl: string, options: StoppedReadersOptions): Promise<StoppedReaders> {
    const { streams, windowBytes, bytes } = options;
    const proxies: [TcpProxy, TcpProxy] = [await TcpProxy.start(relayUrl), await TcpProxy.start(relayUrl)];
    const tunnels = proxies.map(({ url }) => connectTunnel(url, { windowBytes })) as [Tunnel, Tunnel];
    const ends = await connectAll(tunnels, streams);
    const writing = ends.map((end, seed) => writeSeeded(end.client, seed, bytes));
    const readers = new StoppedReaders(tunnels, ends, proxies, writing, options);
    await readers.untilFull();
    return readers;
  }

  async close(): Promise<void> {
    for (const tunnel of this.tunnels) tunnel.close();
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
  }

  kept(): KeptBytes {
    return {
      retained: this.sum(({ client }) => coreOf(client).retainedBytes),
      unread: this.sum(({ server }) => coreOf(server).unreadBytes),
    };
  }

  /** Cuts one side; resolves when all is as it was. */
  async cut(side: 'client' | 'listener'): Promise<void> {
    const proxy = this.proxies[side === 'client' ? 0 : 1];
    const { accepted } = proxy.counters;
    proxy.cut();
    await until(() => proxy.counters.accepted > accepted, 'the other dial');
    await until(() => this.isWhole, 'all streams to go on');
    await this.untilFull();
  }

  /** The readers go on: every byte is checked. Resolves with how many came. */
  async finish(): Promise<number> {
    const results = await Promise.all(
      this.ends.map(async ({ client, server }, seed) => {
        server.end();
        client.resume();
        return (await readSeeded(server, seed)).bytes;
      }),
    );
    await Promise.all(this.writing);
    await until(
      () => this.ends.every(({ client, server }) => client.destroyed && server.destroyed),
      'all to be closed',
    );
    return results.reduce((sum, bytes) => sum + bytes, 0);
  }

  private get isWhole(): boolean {
    const areOpen = this.tunnels.every(({ state }) => state === 'open');
    return areOpen && this.ends.every(({ client, server }) => !client.suspended && !server.suspended);
  }

  /** The readers hold all that they have allowed. */
  private untilFull(): Promise<void> {
    const { streams, windowBytes } = this.options;
    return until(
      () => this.sum(({ server }) => coreOf(server).unreadBytes) >= streams * (windowBytes / 2),
      () => `full windows, not ${JSON.stringify(this.kept())}`,
    );
  }

  private sum(bytesOf: (ends: StreamEnds) => number): number {
    return this.ends.reduce((sum, end) => sum + bytesOf(end), 0);
  }
}

async function connectAll([client, listener]: [Tunnel, Tunnel], count: number): Promise<StreamEnds[]> {
  const servers = new Map<string, TunnelStream>();
  const holder = StreamServer(listener, (stream) => servers.set(stream.uid, stream)).listen('STOPPED');
  await holder.ready;
  const clients = Array.from({ length: count }, () => StreamClient(client).connect('STOPPED'));
  await Promise.all(clients.map((stream) => stream.opened));
  await until(() => servers.size === count, 'all streams at the listener');
  await holder.close();
  return clients.map((stream) => ({ client: stream, server: servers.get(stream.uid) as TunnelStream }));
}
