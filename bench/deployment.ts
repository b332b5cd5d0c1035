import { setTimeout } from 'node:timers/promises';
import type { CarrierName } from './carriers/carrier.js';
import type { CommandArguments, CommandName, CommandResult } from './commands.js';
import type { Usage } from './usage.js';
import { type Role, WorkerHandle } from './worker-handle.js';

const ROLES: readonly Role[] = ['client', 'relay', 'listener'];
const PEAK_POLL_MS = 40;

export type CpuMs = Record<Role, number>;

/** A carrier at work: client, relay and listener, connected. */
export class Deployment {
  private constructor(
    readonly carrier: CarrierName,
    private readonly workers: Record<Role, WorkerHandle>,
  ) {}

  static async start(carrier: CarrierName, profileDirectory?: string): Promise<Deployment> {
    const [client, relay, listener] = await Promise.all(
      ROLES.map((role) => WorkerHandle.spawn(carrier, role, profileDirectory)),
    );
    const workers = { client, relay, listener } as Record<Role, WorkerHandle>;
    const relayPort = (await workers.relay.order({ kind: 'start' })) as number;
    await workers.listener.order({ kind: 'start', relayPort });
    await workers.client.order({ kind: 'start', relayPort });
    return new Deployment(carrier, workers);
  }

  async run<Name extends CommandName>(command: Name, args: CommandArguments<Name>): Promise<CommandResult<Name>> {
    return (await this.workers.client.order({ kind: 'run', command, args })) as CommandResult<Name>;
  }

  async cpuMs(): Promise<CpuMs> {
    const [client, relay, listener] = await Promise.all(ROLES.map((role) => this.usage(role)));
    return { client: client?.cpuMs, relay: relay?.cpuMs, listener: listener?.cpuMs } as CpuMs;
  }

  async usage(role: Role, collect = false): Promise<Usage> {
    return this.workers[role].usage(collect);
  }

  /** The most that a process held in memory while something ran. It is asked all the time: run it by another one. */
  async peakRssBytes<T>(role: Role, run: () => Promise<T>): Promise<{ result: T; peakBytes: number }> {
    let isOver = false;
    let peakBytes = 0;
    const watching = (async () => {
      do {
        peakBytes = Math.max(peakBytes, (await this.usage(role)).rssBytes);
        await setTimeout(PEAK_POLL_MS);
      } while (!isOver);
    })();
    const result = await run().finally(() => {
      isOver = true;
    });
    await watching;
    return { result, peakBytes };
  }

  async stop(): Promise<void> {
    // Of a relay that is gone the endpoints wait in silence; of each other's end they would tell, stream by stream.
    for (const role of ['relay', 'client', 'listener'] as const) await this.workers[role].stop();
  }
}
