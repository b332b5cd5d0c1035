import type { CarrierName } from './carriers/carrier.js';
import type { CommandArguments, CommandName, CommandResult } from './commands.js';
import { type Role, WorkerHandle } from './worker-handle.js';

const ROLES: readonly Role[] = ['client', 'relay', 'listener'];

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
    const [client, relay, listener] = await Promise.all(ROLES.map((role) => this.workers[role].order({ kind: 'cpu' })));
    return { client, relay, listener } as CpuMs;
  }

  async stop(): Promise<void> {
    await Promise.all(ROLES.map((role) => this.workers[role].stop()));
  }
}
