// One end of a mixed load, in a process of its own: all clients or all listeners.
import { type ConnectTunnelOptions, connectTunnel, type Tunnel } from '../../src/index.js';
import { answerQuestions, leaveAfter } from '../support/child-answers.js';
import { leftOfClosed, leftOnTunnel } from '../support/leftovers.js';
import { type Distribution, distributionOf, ProcessMeter, type ProcessSample } from '../support/process-meter.js';
import { ClientLoad, type ClientLoadOptions } from './client-load.js';
import { ListenerLoad } from './listener-load.js';
import type { LoadSnapshot } from './load-counts.js';
import { StreamWork } from './stream-work.js';

export interface LoadChildOptions {
  url: string;
  tunnels: number;
  tunnelOptions: ConnectTunnelOptions;
  role: 'client' | 'listener';
  load: ClientLoadOptions;
}

export interface LoadReport {
  counts: LoadSnapshot;
  roundTrips: Distribution;
  /** Streams that are not closed yet. */
  open: string[];
}

const work = new StreamWork();
let tunnels: Tunnel[] = [];
let load: ClientLoad | ListenerLoad;
let meter: ProcessMeter;

answerQuestions({
  async start({ url, tunnels: count, tunnelOptions, role, load: options }: LoadChildOptions): Promise<void> {
    work.counts.watchProcess();
    tunnels = Array.from({ length: count }, () => connectTunnel(url, tunnelOptions));
    for (const tunnel of tunnels) work.counts.watchTunnel(tunnel);
    await Promise.all(tunnels.map((tunnel) => tunnel.opened));
    meter = new ProcessMeter();
    load =
      role === 'client'
        ? new ClientLoad(tunnels, work, options)
        : await ListenerLoad.start(tunnels, work, options.seed);
  },
  measure: (): Promise<ProcessSample> => meter.sample(),
  report: (): LoadReport => ({
    counts: work.counts.values,
    roundTrips: distributionOf(work.roundTrips),
    open: work.open,
  }),
  windUp: () => work.pauses.end(),
  finish: () => load.finish(),
  leftOnTunnels: (): string[] => tunnels.flatMap(leftOnTunnel),
  async closeTunnels(): Promise<void> {
    for (const tunnel of tunnels) tunnel.close();
    await Promise.all(tunnels.map((tunnel) => tunnel.closed));
  },
  leftOfClosedTunnels: (): string[] => tunnels.flatMap(leftOfClosed),
  end() {
    meter.close();
    void leaveAfter(Promise.resolve());
  },
});
