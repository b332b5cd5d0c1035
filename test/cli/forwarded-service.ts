import type { RelayFixture } from '../support/relay-fixture.js';
import { startRelay } from '../support/relay-fixture.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { CliProcess } from './cli-process.js';

/** A TCP service behind a name, and a local port that leads there, each over a connection to the relay that can be cut. */
export class ForwardedService {
  private constructor(
    readonly fixture: RelayFixture,
    private readonly proxies: readonly [listener: TcpProxy, client: TcpProxy],
    private readonly commands: readonly [listener: CliProcess, client: CliProcess],
    readonly port: number,
  ) {}

  static async start(servicePort: number): Promise<ForwardedService> {
    const fixture = await startRelay();
    const proxies = [await TcpProxy.start(fixture.url), await TcpProxy.start(fixture.url)] as const;
    const [near, far] = proxies;
    const listener = new CliProcess(['listen', 'service', '--tcp', String(servicePort), '--relay', near.url]);
    await listener.prints(/^listening on service/);
    const client = new CliProcess(['connect', 'service', '--tcp', '0', '--relay', far.url]);
    const [, port] = await client.prints(/^listening on 127\.0\.0\.1:(\d+)\n$/);
    return new ForwardedService(fixture, proxies, [listener, client], Number(port));
  }

  /** Cuts both connections once this many bytes have come to the client's side, on top of those that have come before. */
  async cutAfter(bytes: number): Promise<void> {
    const [, client] = this.proxies;
    const goal = client.counters.toPeerBytes + bytes;
    await until(() => client.counters.toPeerBytes >= goal, 'bytes to be under way', 60_000);
    for (const proxy of this.proxies) proxy.cut();
  }

  /** Both commands end in order, with nothing left to carry, having lost their connections this often; returns their exit codes. */
  async end(): Promise<{ codes: unknown[]; lost: number[] }> {
    await until(() => this.fixture.relay.stats().splices.active === 0, 'the service and its client to be done');
    for (const command of this.commands) command.kill('SIGTERM');
    const codes = await Promise.all(this.commands.map(({ exit }) => exit));
    const lost = this.commands.map(({ stderr }) => stderr.match(/connection lost, reconnecting/g)?.length ?? 0);
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
    return { codes, lost };
  }
}
