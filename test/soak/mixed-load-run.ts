import { RelayProcess } from '../support/relay-process.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import type { ClientLoadOptions } from './client-load.js';
import { Disturbances } from './disturbances.js';
import { totalOf } from './load-counts.js';
import { Bystander, LoadProcess } from './load-process.js';
import type { RunSample } from './mixed-load-report.js';
import { Pauses } from './pauses.js';

export interface RunOptions {
  minutes: number;
  tunnels: number;
  cutEveryMs: number;
  sampleEveryMs: number;
  resumeWindowMs: number;
  load: ClientLoadOptions;
}

/** A black hole is only found out by missing something. */
const HEARTBEAT = { intervalMs: 1_000, timeoutMs: 1_500 };
/** The same for one that begins before the handshake is over. */
const HANDSHAKE_TIMEOUT_MS = 3_000;
const MINUTE_MS = 60_000;
/** Beyond what the resume window explains. */
const PATIENCE_MS = 30_000;
const POLL_MS = 250;

/** Relay, clients and listeners in a process each, and the proxy between them in this one. */
export class MixedLoadRun {
  readonly samples: RunSample[] = [];
  /** What must not be; empty if all went well. */
  readonly problems: string[] = [];
  private readonly startedAt = performance.now();
  private isProxyClosed = false;

  private constructor(
    private readonly options: RunOptions,
    private readonly proxy: TcpProxy,
    private readonly relay: RelayProcess,
    private readonly client: LoadProcess,
    private readonly listener: LoadProcess,
    private readonly bystander: Bystander,
    private readonly disturbances: Disturbances,
  ) {}

  static async start(options: RunOptions): Promise<MixedLoadRun> {
    const { tunnels, resumeWindowMs, cutEveryMs, load } = options;
    const relay = await RelayProcess.start({
      heartbeat: HEARTBEAT,
      resumeWindowMs,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    });
    // From here on its event loop is watched.
    await relay.measure();
    const proxy = await TcpProxy.start(relay.url);
    const tunnelOptions = { resumeWindowMs, handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS };
    const childOptions = { url: proxy.url, tunnels, tunnelOptions, load };
    const listener = await LoadProcess.start({ ...childOptions, role: 'listener' });
    const client = await LoadProcess.start({ ...childOptions, role: 'client' });
    const bystander = await Bystander.start();
    const disturbances = new Disturbances(proxy, { seed: load.seed, everyMs: cutEveryMs });
    return new MixedLoadRun(options, proxy, relay, client, listener, bystander, disturbances);
  }

  /** Until the time is over; tells of every sample. */
  async load(onSample: (sample: RunSample) => void): Promise<void> {
    const { minutes, sampleEveryMs } = this.options;
    const pauses = new Pauses();
    for (let count = 1; this.elapsedMs < minutes * MINUTE_MS; count++) {
      const dueAt = Math.min(count * sampleEveryMs, minutes * MINUTE_MS);
      await pauses.pause(dueAt - this.elapsedMs);
      onSample(await this.sample());
    }
  }

  /** Lets everything come to its end, and looks for what is left. */
  async finish(): Promise<void> {
    const { client, listener, relay } = this;
    await this.disturbances.stop();
    await Promise.all([client.windUp(), listener.windUp()]);
    await this.within(client.finish(), 'every stream of the clients to close');
    await this.within(listener.finish(), 'every stream of the listeners to close');
    await this.nothing('client, tunnels open', () => client.leftOnTunnels());
    await this.nothing('listener, tunnels open', () => listener.leftOnTunnels());
    await Promise.all([client.closeTunnels(), listener.closeTunnels()]);
    await this.nothing('client, tunnels closed', () => client.leftOfClosedTunnels());
    await this.nothing('listener, tunnels closed', () => listener.leftOfClosedTunnels());
    await this.nothing('relay', () => relay.left());
    // Its own sample: what is left when nothing is going on.
    await this.sample();
    await this.judge();
    await this.end();
  }

  /** After a failure: nobody waits for anybody. */
  async kill(): Promise<void> {
    await Promise.all([this.client, this.listener, this.relay, this.bystander].map((each) => each.kill()));
    await this.disturbances.stop();
    if (!this.isProxyClosed) await this.proxy.close();
  }

  private get elapsedMs(): number {
    return performance.now() - this.startedAt;
  }

  private async sample(): Promise<RunSample> {
    const minutes = this.elapsedMs / MINUTE_MS;
    const { relay, client, listener, bystander } = this;
    const [ofRelay, ofClient, ofListener, ofBystander] = await Promise.all(
      [relay, client, listener, bystander].map((each) => each.measure()),
    );
    const [{ stats }, clientLoad, listenerLoad] = await Promise.all([
      relay.report(),
      client.report(),
      listener.report(),
    ]);
    const sample: RunSample = {
      minutes,
      processes: { relay: ofRelay!, client: ofClient!, listener: ofListener!, bystander: ofBystander! },
      load: { client: clientLoad, listener: listenerLoad },
      relayStats: stats,
      cuts: this.disturbances.counts,
      proxy: { ...this.proxy.counters },
    };
    this.samples.push(sample);
    return sample;
  }

  private async judge(): Promise<void> {
    for (const [name, { counts, open }] of Object.entries(this.samples.at(-1)!.load)) {
      const { unexpectedErrors, details, opened, closed } = counts;
      const errors = totalOf(unexpectedErrors);
      if (errors > 0) this.problems.push(`${name}: ${errors} unexpected errors`, ...details);
      if (opened !== closed) this.problems.push(`${name}: ${opened} streams opened, ${closed} closed`, ...open);
      if (counts.bytesChecked === 0) this.problems.push(`${name}: no byte came`);
    }
  }

  private async end(): Promise<void> {
    const { client, listener, relay, bystander } = this;
    // First: it still holds sockets of dials that a blackout swallowed, and a server that closes waits for a first request.
    await this.proxy.close();
    this.isProxyClosed = true;
    const ends = { client: client.end(), listener: listener.end(), relay: relay.close(), bystander: bystander.end() };
    for (const [name, end] of Object.entries(ends)) {
      const code = await this.within(end, `the process of the ${name} to end by itself`);
      if (code !== 0) this.problems.push(`the process of the ${name} ended with ${code}`);
    }
  }

  private async within<T>(promise: Promise<T>, what: string): Promise<T> {
    const { timer, expired } = expiry(this.options.resumeWindowMs + PATIENCE_MS, what);
    try {
      return await Promise.race([promise, expired]);
    } catch (error) {
      // Said before all is killed: who is still there.
      const reports = await Promise.allSettled([this.client.report(), this.listener.report()]);
      for (const report of reports) if (report.status === 'fulfilled') this.problems.push(...report.value.open);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** An acceptor whose opener's last word was cut off waits for it, for a whole resume window; its application is done. */
  private async nothing(where: string, ask: () => Promise<string[]>): Promise<void> {
    const giveUpAt = performance.now() + this.options.resumeWindowMs + PATIENCE_MS;
    const pauses = new Pauses();
    for (;;) {
      const left = await ask();
      if (left.length === 0) return;
      if (performance.now() > giveUpAt) {
        this.problems.push(`left (${where}): ${left.join(', ')}`);
        return;
      }
      await pauses.pause(POLL_MS);
    }
  }
}

function expiry(afterMs: number, what: string): { timer: NodeJS.Timeout; expired: Promise<never> } {
  let timer!: NodeJS.Timeout;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), afterMs);
  });
  return { timer, expired };
}
